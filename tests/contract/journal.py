"""What every journal promises (ports/journal.py), and records to write into one."""

from __future__ import annotations

from abc import abstractmethod

import pytest

from opengateway.domain.errors import CapacityError
from opengateway.domain.records import (
    AttemptRecord,
    CloseRecord,
    Ending,
    JournalRecord,
    OpenRecord,
    RequestError,
)
from opengateway.domain.usage import Dimension
from opengateway.ports.journal import Journal


def an_open(number: int, gateway: str = "gw_a") -> OpenRecord:
    return OpenRecord(
        id=f"gen_{number:032x}",
        team_id="team_1",
        key_id="key_1",
        started_at_ns=1_764_000_000_000_000_000 + number,
        model="house/model",
        endpoint_id="house/model@eu",
        price_id="house/model@eu@2025-11-01#zone",
        hold_nanos=1_000_000 + number,
        gateway=gateway,
    )


def a_close(number: int, gateway: str = "gw_a", *, opened: bool = True) -> CloseRecord:
    """The full record of an answered request, or that of one turned away unopened."""
    record = CloseRecord(
        id=f"gen_{number:032x}",
        team_id="team_1",
        key_id="key_1",
        zone="test",
        gateway=gateway,
        snapshot="v7",
        started_at_ns=1_764_000_000_000_000_000 + number,
        operation="chat.completions",
        dialect="openai_chat",
        stream=True,
        requested_model="house/model",
        ending=Ending.COMPLETED if opened else Ending.REFUSED,
        status=200 if opened else 503,
        opened=opened,
    )
    if not opened:
        record.error = RequestError(503, "temporarily_unavailable", "no room")
        return record
    record.usage = {Dimension.INPUT: 1_200 + number, Dimension.OUTPUT: 90}
    record.cost_nanos = 12_345 + number
    record.cost_parts = {Dimension.INPUT: 345 + number, Dimension.OUTPUT: 12_000}
    record.attempts = [AttemptRecord("house/model@eu", "house", "eu", "m-1", "main", 0.4, 812.0)]
    record.user = "Größe 🙂 ätype¤open"
    return record


class JournalContract:
    """Subclasses say how one is made, read, and brought into need."""

    @abstractmethod
    def make(self) -> Journal: ...

    @abstractmethod
    def written(self) -> list[JournalRecord]:
        """What the journal made last holds, in order."""

    @abstractmethod
    def fill_disk(self) -> None:
        """From now on only the reserve has room, and the journal may have to learn it."""

    @abstractmethod
    def use_up_reserve(self) -> None:
        """After `fill_disk`: take what is left of the reserve."""

    def test_gives_back_what_it_was_given_in_order(self) -> None:
        journal = self.make()
        given: list[JournalRecord] = []
        for number in range(20):
            given.append(opening := an_open(number))
            journal.open(opening)
            if number % 3:
                given.append(closing := a_close(number))
                journal.close(closing)
        assert self.written() == given

    def test_keeps_a_record_as_it_was_when_it_was_given(self) -> None:
        journal = self.make()
        record = a_close(1)
        journal.close(record)
        record.cost_nanos = 0
        record.attempts.clear()
        assert self.written() == [a_close(1)]

    def test_takes_new_work_at_first(self) -> None:
        assert self.make().accepts_new_work

    def test_a_full_disk_refuses_new_work_and_finishes_what_runs(self) -> None:
        journal = self.make()
        journal.open(an_open(1))
        self.fill_disk()
        with pytest.raises(CapacityError) as refusal:
            journal.open(an_open(2))
        assert refusal.value.status == 503
        assert not journal.accepts_new_work
        journal.close(a_close(1))
        assert self.written() == [an_open(1), a_close(1)]

    def test_the_reserve_is_not_for_requests_that_were_turned_away(self) -> None:
        journal = self.make()
        journal.open(an_open(1))
        self.fill_disk()
        for _ in range(2):
            with pytest.raises(CapacityError):
                journal.close(a_close(2, opened=False))
        journal.close(a_close(1))
        with pytest.raises(CapacityError):
            journal.close(a_close(3, opened=False))
        assert self.written() == [an_open(1), a_close(1)]

    def test_says_so_when_the_reserve_is_used_up_too(self) -> None:
        journal = self.make()
        journal.open(an_open(1))
        self.fill_disk()
        self.use_up_reserve()
        before = self.written()
        with pytest.raises(CapacityError):
            journal.close(a_close(1))
        assert self.written() == before

    def test_takes_nothing_after_a_shutdown_and_may_be_shut_down_twice(self) -> None:
        journal = self.make()
        journal.close(a_close(1))
        journal.shutdown()
        journal.shutdown()
        assert not journal.accepts_new_work
        with pytest.raises(CapacityError):
            journal.open(an_open(2))
        with pytest.raises(CapacityError):
            journal.close(a_close(2))
        assert self.written() == [a_close(1)]
