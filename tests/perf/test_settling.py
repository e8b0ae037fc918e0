"""What control spends on a settled record, in units of `calibration` (tests/perf/test_hot_path.py).

The whole of it: from the bytes of a push through the internal app to the commit, in all threads. A
budget is twice what was measured.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from asgi_client import call
from control_plane import GATEWAY, SEGMENT, closed, journal, opened, settings_in
from opengateway.compose.control import ControlHouse, open_control
from opengateway.domain.records import AttemptRecord
from perf.test_hot_path import calibration, fastest_ns, no_collector
from stores import migrated_store

RECORDS = 200
PUSHES = 12


@asynccontextmanager
async def control(home: Path, *, billing: bool) -> AsyncIterator[ControlHouse]:
    settings = replace(settings_in(home), billing=billing)
    shutil.copy(migrated_store(), settings.paths.control_db)
    async with open_control(settings) as house:
        yield house


async def leased(house: ControlHouse) -> dict[str, str]:
    """What the records of a key say that has a lease."""

    async def post(path: str, **payload: Any) -> Any:
        reply = await call(house.internal_app, "POST", f"/internal/v1/{path}", payload=payload)
        assert reply.status < 300, reply.text
        return reply.json()

    key = await post("keys", team="a", name="k")
    await post("grants", team="a", usd="100", note="test", kind="paid")
    ask = {"ask_id": "ask_1", "key_id": key["id"], "amount": 10**10, "least": 10**10}
    (answer,) = (await post("leases", gateway=GATEWAY, asks=[ask]))["answers"]
    return {"key_id": key["id"], "team_id": key["team_id"], "lease_id": answer["lease_id"]}


def pushes(names: dict[str, str]) -> Iterator[bytes]:
    """Requests as they mostly are: one try, opened and closed between two pushes."""
    place = ("acme/large@acme", "acme", "global", "large", "main")
    tried = [AttemptRecord(*place, 0.1, 3.2, 2.2, "succeeded", 200)]
    for first in range(0, RECORDS * PUSHES * 8, RECORDS):
        yield journal(
            record
            for n in range(first, first + RECORDS)
            for record in (opened(n, **names), closed(n, **names, attempts=tried))
        )


async def best_ns(house: ControlHouse, bodies: Iterator[bytes], offset: int) -> tuple[float, int]:
    """CPU time of this process for one record: of the best push."""
    best = float("inf")
    for _, body in zip(range(PUSHES), bodies, strict=False):
        target = f"/internal/v1/journal?gateway={GATEWAY}&segment={SEGMENT}&offset={offset}"
        began = time.process_time_ns()
        reply = await call(house.internal_app, "POST", target, body=body)
        best = min(best, (time.process_time_ns() - began) / RECORDS)
        assert reply.status == 200, reply.text
        offset += len(body)
    return best, offset


@pytest.mark.parametrize(("billing", "budget"), [(False, 90.0), (True, 140.0)])
async def test_settling_a_record_stays_within_its_budget(
    tmp_path: Path, billing: bool, budget: float
) -> None:
    offset, ratio = 0, float("inf")
    unit = cost = float("inf")
    async with control(tmp_path, billing=billing) as house:
        bodies = pushes(await leased(house) if billing else {})
        with no_collector():
            for _ in range(6):
                unit = min(unit, *(fastest_ns(calibration, 400, 6) for _ in range(4)))
                found, offset = await best_ns(house, bodies, offset)
                cost = min(cost, found)
                ratio = cost / unit
                if ratio <= budget:
                    break
    print(f"settle_a_record, billing {billing}: {ratio:.1f} of {budget} units, {cost / 1e3:.1f} us")
    assert ratio <= budget
