from __future__ import annotations

import asyncio

from opengateway.kit.pulse import Pulse


async def test_a_beat_wakes_all_who_wait_and_nobody_later() -> None:
    pulse = Pulse()
    waiters = [asyncio.create_task(pulse.wait(5)) for _ in range(3)]
    await asyncio.sleep(0)
    pulse.beat()
    assert await asyncio.gather(*waiters) == [True, True, True]
    assert await pulse.wait(0.001) is False


async def test_after_a_stop_nobody_waits() -> None:
    pulse = Pulse()
    waiter = asyncio.create_task(pulse.wait(5))
    await asyncio.sleep(0)
    pulse.stop()
    assert await waiter
    assert await pulse.wait(5)
    pulse.beat()
    assert await pulse.wait(5)
