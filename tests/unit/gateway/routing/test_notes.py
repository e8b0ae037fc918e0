"""What gateways tell each other of health, and what one keeps over a restart."""

from __future__ import annotations

import pytest

from opengateway.domain.errors import ErrorClass
from opengateway.gateway.routing import notes
from opengateway.gateway.routing.health import Health, Standing
from opengateway.gateway.routing.health_table import HealthTable
from opengateway.gateway.routing.upkeep import HealthUpkeep
from opengateway.infra.health.memory import Board, MemoryHealthGossip
from opengateway.kit.chance import seeded
from opengateway.kit.clock import ManualClock

KEY = ("p", "eu", "main", "m")


class Gateway:
    def __init__(self, clock: ManualClock, name: str = "gw", board: Board | None = None) -> None:
        self.clock = clock
        self.table = HealthTable(seeded(1))
        self.saved: list[bytes] = []
        self.told: list[tuple[str, str]] = []
        self.upkeep = HealthUpkeep(
            self.table,
            MemoryHealthGossip(name, clock, board),
            self.saved.append,
            clock,
            lambda *told: self.told.append(told),
        )

    @property
    def cell(self) -> Health:
        return self.table.at(KEY, self.clock.monotonic())

    def ok(self, times: int = 1) -> None:
        for _ in range(times):
            self.table.succeeded(self.cell, self.clock.monotonic(), 0.4, 10, whole=False)

    def fail(
        self, error_class: ErrorClass, times: int = 1, retry_after_s: float | None = None
    ) -> None:
        for _ in range(times):
            self.table.failed(
                self.cell, error_class, self.clock.monotonic(), retry_after_s=retry_after_s
            )

    @property
    def standing(self) -> Standing:
        return self.cell.standing(self.clock.monotonic())

    def hear(self, other: Gateway) -> bool:
        told = notes.told(other.table, other.clock.monotonic(), other.clock.now_ns())
        return notes.hear(self.table, told, self.clock.monotonic(), self.clock.now_ns())


@pytest.fixture
def pair() -> tuple[Gateway, Gateway]:
    board, clock = Board(), ManualClock(elapsed_s=500.0)
    # The other's monotonic clock began elsewhere; the walls agree.
    one = Gateway(clock, "one", board)
    other = Gateway(ManualClock(elapsed_s=90_000.0), "other", board)
    assert one.cell.clear
    assert other.cell.clear
    return one, other


@pytest.mark.parametrize(
    ("error_class", "times", "expected"),
    [
        (ErrorClass.SERVER_ERROR, 5, Standing.OUT),
        (ErrorClass.RATE_LIMITED, 1, Standing.RESTING),
        (ErrorClass.AUTH, 1, Standing.OUT),
    ],
)
def test_what_one_gateway_found_out_the_others_know(
    pair: tuple[Gateway, Gateway], error_class: ErrorClass, times: int, expected: Standing
) -> None:
    one, other = pair
    one.fail(error_class, times)
    assert other.hear(one)
    assert other.standing is expected
    left = one.cell.out_until() - one.clock.monotonic()
    assert other.cell.out_until() - other.clock.monotonic() == pytest.approx(left, abs=0.01)


def test_a_fault_that_our_own_experience_contradicts_is_not_believed(
    pair: tuple[Gateway, Gateway],
) -> None:
    one, other = pair
    other.ok(20)
    one.fail(ErrorClass.CONNECT, 5)
    other.hear(one)
    assert other.standing is Standing.WELL
    one.fail(ErrorClass.RATE_LIMITED, retry_after_s=30)
    other.hear(one)
    assert other.standing is Standing.RESTING, "a provider's word holds for all"


def test_hearsay_is_not_told_on(pair: tuple[Gateway, Gateway]) -> None:
    one, other = pair
    one.fail(ErrorClass.SERVER_ERROR, 5)
    other.hear(one)
    third = Gateway(ManualClock(), "third")
    assert third.cell.clear
    third.hear(other)
    assert third.standing is Standing.WELL


def test_what_one_found_well_again_the_others_may_try(pair: tuple[Gateway, Gateway]) -> None:
    one, other = pair
    one.fail(ErrorClass.SERVER_ERROR, 5)
    other.hear(one)
    one.clock.advance(1)
    other.clock.advance(1)
    one.table.succeeded(one.cell, one.clock.monotonic(), 0.0, 10, whole=False)
    one.table.succeeded(one.cell, one.clock.monotonic(), 0.0, 10, whole=False)
    assert one.standing is Standing.WELL
    other.hear(one)
    assert other.standing is Standing.HALF
    other.table.succeeded(other.cell, other.clock.monotonic(), 0.0, 10, whole=False)
    assert other.standing is Standing.WELL, "one good trial is enough then"


@pytest.mark.parametrize(
    "note", [b"", b"\xc1", b"\x81\xa5at_ns\xa1x", b"\x93\x01\x02", b"\x00" * 100, bytes(range(256))]
)
def test_a_note_that_cannot_be_read_changes_nothing(note: bytes) -> None:
    gateway = Gateway(ManualClock())
    assert not notes.hear(gateway.table, note, 0.0, 0)
    assert not notes.restore(gateway.table, note, 0.0, 0)
    assert gateway.table.cells == {}


def test_a_note_is_bounded() -> None:
    gateway = Gateway(ManualClock(elapsed_s=10.0))
    for number in range(1000):
        cell = gateway.table.at(("p" * 64, "eu", "main", f"model-{number:0100d}"), 10.0)
        gateway.table.failed(cell, ErrorClass.MODEL_GONE, 10.0)
    assert len(notes.told(gateway.table, 10.0, 0)) < 64 * 1024


class TestOverARestart:
    def restarted(self, gateway: Gateway, after_s: float) -> Gateway:
        gateway.upkeep.keep()
        clock = ManualClock(elapsed_s=3.0, wall_ns=gateway.clock.wall_ns + int(after_s * 1e9))
        again = Gateway(clock)
        assert again.upkeep.restore(gateway.saved[-1])
        return again

    def test_a_rest_goes_on_for_what_is_left_of_it(self) -> None:
        gateway = Gateway(ManualClock(elapsed_s=500.0))
        gateway.fail(ErrorClass.RATE_LIMITED, retry_after_s=60.0)
        again = self.restarted(gateway, 20.0)
        assert again.standing is Standing.RESTING
        assert again.cell.rests_until() == pytest.approx(3.0 + 40.0, abs=1.5)
        again.clock.advance(42)
        assert again.standing is Standing.WELL
        assert self.restarted(gateway, 90.0).standing is Standing.WELL

    def test_a_fault_is_asked_again_by_a_trial(self) -> None:
        gateway = Gateway(ManualClock(elapsed_s=500.0))
        gateway.fail(ErrorClass.SERVER_ERROR, 5)
        assert self.restarted(gateway, 1.0).standing is Standing.OUT
        assert self.restarted(gateway, 600.0).standing is Standing.HALF

    def test_a_refused_credential_is_tried_at_once_for_it_may_be_a_new_one(self) -> None:
        gateway = Gateway(ManualClock(elapsed_s=500.0))
        gateway.fail(ErrorClass.AUTH)
        assert self.restarted(gateway, 1.0).standing is Standing.HALF

    def test_what_was_measured_is_known(self) -> None:
        gateway = Gateway(ManualClock(elapsed_s=500.0))
        gateway.ok(30)
        again = self.restarted(gateway, 10.0)
        assert again.cell.first.mean == pytest.approx(0.4)
        assert again.cell.first.settled
        assert again.cell.good == 30


class TestUpkeep:
    async def test_gateways_of_one_board_hear_of_each_other(self) -> None:
        board, clock = Board(), ManualClock(elapsed_s=500.0)
        one, other = Gateway(clock, "one", board), Gateway(clock, "other", board)
        assert other.cell.clear
        one.fail(ErrorClass.SERVER_ERROR, 5)
        await one.upkeep.once()
        await other.upkeep.once()
        assert other.standing is Standing.OUT

    async def test_a_copy_is_kept_every_few_seconds(self) -> None:
        gateway = Gateway(ManualClock())
        await gateway.upkeep.once()
        assert gateway.saved == []
        gateway.clock.advance(5.0)
        await gateway.upkeep.once()
        await gateway.upkeep.once()
        assert len(gateway.saved) == 1

    async def test_a_full_disk_is_told_once_and_harms_nobody(self) -> None:
        gateway = Gateway(ManualClock())

        def full(_: bytes) -> None:
            raise OSError(28, "No space left on device")

        gateway.upkeep._save = full
        for _ in range(5):
            gateway.clock.advance(6.0)
            await gateway.upkeep.once()
        assert [event for event, _ in gateway.told] == ["health_copy_unwritable"]
