from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from random import Random

import pytest

from contract.journal import a_close, an_open
from opengateway.domain.errors import CapacityError
from opengateway.domain.records import JournalRecord
from opengateway.infra.journal.files import segment_names
from opengateway.infra.journal.shipper import JournalShipper, Pace, WrongOffset
from opengateway.infra.journal.writer import FileJournal
from opengateway.kit.clock import SystemClock
from unit.infra.journal.disk import Disk
from unit.infra.journal.strict_control import StrictControl

SOAK = os.environ.get("OPENGATEWAY_SOAK") == "1"
FAST = Pace(0.0, 0.002, 0.0, 0.01, 0.0, 0.001)
BATCH = 3_000


class House:
    """One home: its journals, its shippers, and one control."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.control = StrictControl(root, batch_bytes=BATCH)
        self.written: dict[str, list[JournalRecord]] = {}
        self.made: list[FileJournal] = []

    def journal(self, name: str, disk: Disk | None = None) -> FileJournal:
        journal = FileJournal(
            self.root / name,
            SystemClock(),
            segment_bytes=5_000,
            reserve_bytes=20_000,
            calls=disk.calls if disk else None,
        )
        self.made.append(journal)
        self.written[name] = []
        return journal

    def write(self, journal: FileJournal, count: int) -> None:
        """`count` requests, opened and closed."""
        written = self.written[journal.gateway]
        for number in range(len(written) // 2, len(written) // 2 + count):
            opening, closing = an_open(number, journal.gateway), a_close(number, journal.gateway)
            journal.open(opening)
            journal.close(closing)
            written += (opening, closing)

    def shipper(self, own: FileJournal | None = None, pace: Pace = FAST) -> JournalShipper:
        return JournalShipper(
            self.root, own, self.control.send, SystemClock(), batch_bytes=BATCH, pace=pace
        )

    def dead(self, name: str, count: int, torn: bytes = b"") -> Path:
        """What a gateway left that wrote `count` requests and was killed."""
        journal = self.journal(name)
        self.write(journal, count)
        journal.shutdown()
        with (journal.directory / segment_names(journal.directory)[-1]).open("ab") as segment:
            segment.write(torn)
        return journal.directory

    def left(self) -> list[str]:
        return sorted(os.listdir(self.root)) if self.root.exists() else []

    async def until(self, what: object, patience_s: float = 5.0) -> None:
        assert callable(what)
        async with asyncio.timeout(patience_s):
            while not what():  # noqa: ASYNC110 - what it waits for has no event
                await asyncio.sleep(0.001)


@pytest.fixture
def house(tmp_path: Path):
    house = House(tmp_path / "journal")
    yield house
    for journal in house.made:
        journal.shutdown()
    assert house.control.violations == []


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


# --- what the dead left -------------------------------------------------------------------------


async def test_a_dead_gateways_journal_is_shipped_whole_and_its_folder_removed(house) -> None:
    house.dead("gw_a", 40, torn=b"\x30\x02\0\0torn")
    shipper = house.shipper()
    await shipper.run()
    assert house.control.records == house.written
    assert house.control.ended == {"gw_a"}
    assert house.left() == []
    assert shipper.taken_over == 1
    assert shipper.shipped_bytes == house.made[0].bytes_written


async def test_a_gateway_that_wrote_nothing_is_ended_too(house) -> None:
    house.dead("gw_a", 0)
    await house.shipper().run()
    assert house.control.ended == {"gw_a"}
    assert house.left() == []


async def test_records_in_the_reserve_are_shipped_in_their_place(house) -> None:
    disk = Disk()
    journal = house.journal("gw_a", disk)
    house.write(journal, 6)
    running = [an_open(number, "gw_a") for number in range(100, 103)]
    for record in running:
        journal.open(record)
    disk.room = 300
    for number in range(100, 103):
        journal.close(a_close(number, "gw_a"))
        running.append(a_close(number, "gw_a"))
    # As a kill leaves it: the reserve has its zeros, and the lock is nobody's.
    shutil.copytree(journal.directory, house.root / "gw_b")
    assert max(path.stat().st_size for path in (house.root / "gw_b").iterdir()) == 20_000
    await house.shipper().run()
    assert house.control.records["gw_b"] == house.written["gw_a"] + running
    assert house.control.ended == {"gw_b"}
    assert house.left() == ["gw_a"]


async def test_the_living_are_left_alone(house) -> None:
    living = house.journal("gw_a")
    house.write(living, 10)
    house.dead("gw_b", 10)
    before = {path: path.read_bytes() for path in living.directory.glob("*.ogj")}
    shipper = house.shipper()
    await shipper.run()
    await shipper.run()
    assert house.control.records == {"gw_b": house.written["gw_b"]}
    assert {path: path.read_bytes() for path in living.directory.glob("*.ogj")} == before


async def test_two_shippers_never_take_the_same_folder(house) -> None:
    for number in range(6):
        house.dead(f"gw_{number}", 12)
    shippers = [house.shipper() for _ in range(3)]
    await asyncio.gather(*(shipper.run() for shipper in shippers))
    assert house.control.records == house.written
    assert house.control.refusals == []
    assert sum(shipper.taken_over for shipper in shippers) == 6
    assert house.left() == []


async def test_a_dead_worker_is_taken_over_while_we_live(house) -> None:
    ours = house.journal("gw_b")
    task = asyncio.create_task(house.shipper(ours).run())
    house.dead("gw_a", 5)
    await house.until(lambda: "gw_a" in house.control.ended)
    house.write(ours, 3)
    await house.until(lambda: house.control.records["gw_b"] == house.written["gw_b"])
    await stop(task)
    assert house.control.ended == {"gw_a"}


async def test_what_a_power_loss_took_from_us_but_not_from_control_is_no_fault(house) -> None:
    folder = house.dead("gw_a", 2)
    path = folder / "segment-00000001.ogj"
    await house.control.send("gw_a", path.name, 0, path.read_bytes(), False)
    os.truncate(path, 700)
    shipper = house.shipper()
    await shipper.run()
    assert house.control.records == house.written
    assert house.control.ended == {"gw_a"}
    assert (shipper.faults, house.left()) == (0, [])


async def test_damage_costs_the_records_it_hit_and_is_kept_as_evidence(house) -> None:
    folder = house.dead("gw_a", 12)
    first, second = segment_names(folder)[:2]
    for name in (first, second):
        with (folder / name).open("r+b") as segment:
            segment.seek(50)
            segment.write(b"\xff")
    shipper = house.shipper()
    await shipper.run()
    written = house.written["gw_a"]
    lost = [record for record in written if record not in house.control.records["gw_a"]]
    assert len(lost) == 2
    assert house.control.records["gw_a"] == [record for record in written if record not in lost]
    assert shipper.damaged_bytes > 0
    assert house.left() == ["damaged"]
    assert sorted(os.listdir(house.root / "damaged")) == [f"gw_a-{first}", f"gw_a-{second}"]


async def test_one_folder_that_control_will_not_have_keeps_no_other_back(house) -> None:
    house.dead("gw_a", 3)
    house.dead("gw_b", 3)
    honest = house.control.send

    async def picky(gateway: str, *rest) -> int:
        if gateway == "gw_a":
            raise ValueError("400: not understood")
        return await honest(gateway, *rest)

    house.control.send = picky
    shipper = house.shipper()
    await shipper.run()
    assert house.control.ended == {"gw_b"}
    assert (shipper.faults, house.left()) == (1, ["gw_a"])
    house.control.send = honest
    await house.shipper().run()
    assert house.control.records == house.written


@pytest.mark.parametrize("answer", [-1, 1 << 40, WrongOffset(-1), WrongOffset(0)])
async def test_an_answer_that_makes_no_sense_removes_nothing_and_is_got_over(house, answer) -> None:
    house.dead("gw_a", 3)
    honest = house.control.send

    async def mad(*_: object) -> int:
        if isinstance(answer, int):
            return answer
        raise answer

    house.control.send = mad
    shipper = JournalShipper(
        house.root, None, lambda *call: house.control.send(*call), SystemClock(), pace=FAST
    )
    await shipper.run()
    assert (shipper.faults, house.left()) == (1, ["gw_a"])
    house.control.send, house.control.batch_bytes = honest, 1 << 20
    await shipper.run()
    assert house.control.records == house.written


# --- our own --------------------------------------------------------------------------------------


async def test_our_records_arrive_and_wholly_acknowledged_segments_go(house) -> None:
    journal = house.journal("gw_a")
    task = asyncio.create_task(house.shipper(journal).run())
    for _ in range(10):
        house.write(journal, 4)
        await house.until(lambda: house.control.records == house.written)
    await house.until(lambda: len(segment_names(journal.directory)) == 1)
    assert journal.depth == 0
    assert not house.control.ended
    await stop(task)


async def test_a_clean_shutdown_leaves_nothing_pending(house) -> None:
    journal = house.journal("gw_a")
    shipper = house.shipper(journal)
    task = asyncio.create_task(shipper.run())
    house.write(journal, 9)
    await house.until(lambda: house.control.records["gw_a"])
    house.write(journal, 1)
    journal.shutdown()
    await asyncio.wait_for(task, 5)
    assert house.control.records == house.written
    assert house.control.ended == {"gw_a"}
    assert house.control.refusals == [], "it remembered where control was"
    assert house.left() == []


async def test_a_control_that_claims_bytes_we_never_wrote_is_a_fault_and_loses_nothing(
    house,
) -> None:
    journal = house.journal("gw_a")
    house.write(journal, 2)
    segment = segment_names(journal.directory)[0]
    house.control.offsets["gw_a", segment] = 1 << 30
    shipper = house.shipper(journal)
    task = asyncio.create_task(shipper.run())
    await house.until(lambda: shipper.faults > 2)
    house.write(journal, 20)
    house.control.offsets.clear()
    await house.until(lambda: house.control.records == house.written)
    assert journal.depth == 0
    await stop(task)


async def test_a_new_record_is_noticed_in_time_however_long_it_was_quiet(house) -> None:
    journal = house.journal("gw_a")
    pace = Pace(busy_s=0.01, idle_s=0.05, linger_s=0.02)
    task = asyncio.create_task(house.shipper(journal, pace).run())
    await asyncio.sleep(0.08)
    house.write(journal, 1)
    await house.until(lambda: house.control.records["gw_a"], patience_s=0.25)
    await stop(task)


async def test_where_much_comes_it_is_shipped_in_fewer_pushes(house) -> None:
    journal = house.journal("gw_a")
    pace = Pace(busy_s=0.06, idle_s=0.002, linger_s=0.2, busy_bytes_per_s=10_000)
    shipper = house.shipper(journal, pace)
    task = asyncio.create_task(shipper.run())
    house.write(journal, 20)
    await house.until(lambda: house.control.records == house.written)
    began = asyncio.get_running_loop().time()
    house.write(journal, 1)
    await house.until(lambda: house.control.records == house.written)
    assert asyncio.get_running_loop().time() - began > 0.03
    await stop(task)


async def test_while_control_is_down_everything_stays_and_the_tries_grow_rare(
    house, monkeypatch
) -> None:
    journal = house.journal("gw_a")
    pauses: list[float] = []
    real_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if house.control.down and seconds >= 0.1:
            pauses.append(seconds)
            house.control.down = len(pauses) not in (9, 11)
            assert segment_names(journal.directory) == before
        await real_sleep(0)

    monkeypatch.setattr("asyncio.sleep", sleep)
    task = asyncio.create_task(house.shipper(journal, Pace()).run())
    for _ in range(2):
        house.control.down = True
        house.write(journal, 20)
        before = segment_names(journal.directory)
        await house.until(lambda: house.control.records == house.written)
    await stop(task)
    assert pauses == [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0, 5.0, 0.1, 0.2]


async def test_a_journal_cut_off_by_a_full_disk_is_shipped_to_its_last_record(house) -> None:
    disk = Disk()
    journal = house.journal("gw_a", disk)
    task = asyncio.create_task(house.shipper(journal).run())
    house.write(journal, 3)
    disk.room = 100
    with pytest.raises(CapacityError):
        journal.open(an_open(99, "gw_a"))
    journal.close(a_close(98, "gw_a"))
    house.written["gw_a"].append(a_close(98, "gw_a"))
    await house.until(lambda: house.control.records == house.written)
    await stop(task)


# --- everything at once ------------------------------------------------------------------------------


async def one_life(house: House, name: str, chance: Random) -> None:
    """A gateway that writes while its shipper is restarted at will; it ends well, or is killed."""
    journal = house.journal(name)
    task = asyncio.create_task(house.shipper(journal).run())
    for _ in range(chance.randrange(1, 12)):
        house.control.outage = chance.choice((0, 0, 3, 10))
        house.control.trouble = chance.choice((0.0, 0.1, 0.5))
        house.write(journal, chance.randrange(0, 6))
        for _ in range(chance.randrange(0, 30)):
            await asyncio.sleep(0)
        if chance.random() < 0.2:
            await stop(task)
            task = asyncio.create_task(house.shipper(journal).run())
    killed = chance.random() < 0.6
    if killed:
        await stop(task)
    journal.shutdown()
    if killed:
        if chance.random() < 0.5:
            with (journal.directory / segment_names(journal.directory)[-1]).open("ab") as segment:
                segment.write(chance.randbytes(chance.randrange(1, 40)))
        return
    await asyncio.wait_for(task, 20)


@pytest.mark.parametrize("seed", range(400 if SOAK else 25))
async def test_every_record_arrives_once_and_in_order_whatever_happens(house, seed: int) -> None:
    chance = Random(seed)
    house.control.chance = Random(seed + 1_000_000)
    for number in range(chance.randrange(1, 5)):
        lives = [f"gw_{number}{letter}" for letter in "abc"[: chance.randrange(1, 4)]]
        await asyncio.gather(*(one_life(house, name, chance) for name in lives))
    house.control.outage, house.control.trouble = 0, 0.0
    await house.shipper().run()
    for name, written in house.written.items():
        assert house.control.records[name] == written
    assert house.control.ended == set(house.written)
    assert house.left() == []
