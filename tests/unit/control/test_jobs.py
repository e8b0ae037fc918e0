"""Recurring jobs: of several processes one does them, and who dies holds nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from control_plane import control_in
from opengateway.compose.control import ControlHouse
from opengateway.control.jobs.leases import JobLeases
from opengateway.control.jobs.recurring import Recurring, RecurringJobs
from opengateway.http.unit_of_work import unit_of_work


@pytest.fixture
async def house(tmp_path: Path, store_url: str | None) -> AsyncIterator[ControlHouse]:
    async with control_in(tmp_path, store_url) as made:
        yield made


def within(house: ControlHouse) -> Any:
    return unit_of_work(house.parts.database, house.parts.new_scope)


async def takes(house: ControlHouse, holder: str, every_s: float = 60, lease_s: float = 60) -> bool:
    async with within(house) as scope:
        return await JobLeases(scope, holder).take("j", every_s=every_s, lease_s=lease_s)


async def ends(house: ControlHouse, holder: str) -> None:
    async with within(house) as scope:
        await JobLeases(scope, holder).done("j", "well")


async def test_of_several_that_ask_at_once_one_gets_the_job(house: ControlHouse) -> None:
    got = await asyncio.gather(*(takes(house, f"ctl_{n}") for n in range(4)))
    assert got.count(True) == 1


async def test_a_job_that_was_done_is_not_due_before_its_time(house: ControlHouse) -> None:
    assert await takes(house, "a")
    await ends(house, "a")
    assert not await takes(house, "b")
    assert await takes(house, "b", every_s=0)


async def test_who_dies_in_the_midst_of_it_loses_the_job_with_its_lease(
    house: ControlHouse,
) -> None:
    assert await takes(house, "a", lease_s=0)
    assert await takes(house, "b", every_s=3600)


async def test_only_the_holder_may_say_that_it_is_done(house: ControlHouse) -> None:
    assert await takes(house, "a")
    await ends(house, "b")
    assert not await takes(house, "b", every_s=0)


async def test_a_job_that_fails_is_kept_as_failed_and_the_others_go_on(house: ControlHouse) -> None:
    async def breaks() -> str:
        raise RuntimeError("no")

    def open_scope() -> Any:
        return within(house)

    jobs = RecurringJobs(open_scope, (), "ctl_1")
    assert await jobs.turn(Recurring("j", 60, 60, breaks))
    async with within(house) as scope:
        (row,) = await JobLeases(scope, "x").all()
    assert row.outcome == "failed: RuntimeError"
    assert row.finished_at_ns is not None
