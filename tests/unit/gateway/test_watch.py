from __future__ import annotations

import asyncio

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
