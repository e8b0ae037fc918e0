from __future__ import annotations

import asyncio

import pytest

from opengateway.gateway import watch as watch_module
from opengateway.gateway.watch import Interruption, Watch


async def test_the_limit_in_force_expires_and_says_why() -> None:
    rung: list[Interruption] = []
    watch = Watch(10, rung.append)
    watch.arm(0.01, Interruption.FIRST_TOKEN)
    await asyncio.sleep(0.03)
    assert rung == [Interruption.FIRST_TOKEN]


async def test_a_limit_that_moves_on_does_not_expire() -> None:
    rung: list[Interruption] = []
    watch = Watch(10, rung.append)
    for _ in range(5):
        watch.arm(0.03, Interruption.IDLE)
        await asyncio.sleep(0.015)
    assert rung == []
    await asyncio.sleep(0.03)
    assert rung == [Interruption.IDLE]


async def test_a_shorter_limit_replaces_a_longer_one() -> None:
    rung: list[Interruption] = []
    watch = Watch(10, rung.append)
    watch.arm(5, Interruption.FIRST_TOKEN)
    watch.arm(0.01, Interruption.IDLE)
    await asyncio.sleep(0.03)
    assert rung == [Interruption.IDLE]


async def test_the_deadline_bounds_every_limit() -> None:
    rung: list[Interruption] = []
    watch = Watch(0.02, rung.append)
    watch.arm(5, Interruption.IDLE)
    await asyncio.sleep(0.04)
    assert rung == [Interruption.DEADLINE]


async def test_a_stopped_watch_is_silent() -> None:
    rung: list[Interruption] = []
    watch = Watch(10, rung.append)
    watch.arm(0.01, Interruption.IDLE)
    watch.stop()
    await asyncio.sleep(0.03)
    assert rung == []


async def test_a_limit_beyond_the_next_tick_expires_in_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch_module, "_TICK_S", 0.02)
    monkeypatch.setattr(watch_module, "_newest", None)
    rung: list[float] = []
    loop = asyncio.get_running_loop()
    began = loop.time()
    watches = [Watch(10, lambda _: rung.append(loop.time() - began)) for _ in range(2)]
    watches[0].arm(0.05, Interruption.IDLE)
    watches[1].arm(0.07, Interruption.IDLE)
    await asyncio.sleep(0.03)
    watches[1].arm(0.07, Interruption.IDLE)  # at 0.10 from the beginning
    await asyncio.sleep(0.1)
    assert [round(at, 2) for at in rung] == pytest.approx([0.05, 0.10], abs=0.02)


async def test_who_is_stopped_is_let_go_of_at_the_next_tick(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch_module, "_TICK_S", 0.01)
    monkeypatch.setattr(watch_module, "_newest", None)
    watches = [Watch(10, lambda _: None) for _ in range(3)]
    for watch in watches:
        watch.arm(5, Interruption.IDLE)
        watch.stop()
    await asyncio.sleep(0.03)
    ticker = watch_module._ticker()
    assert ticker._watches == []
