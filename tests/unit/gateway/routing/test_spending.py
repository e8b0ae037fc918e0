"""Credentials with a cap on what may be spent with them."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.usage import SpendCap
from opengateway.gateway.routing import notes
from opengateway.gateway.routing.health_table import HealthTable
from opengateway.gateway.routing.spending import OTHERS, SpendBook, SpentRow, period_of
from opengateway.kit.chance import seeded
from unit.gateway.fakes import endpoint, model, snapshot
from unit.gateway.routing.houses import HELLO, House, always
from virtual_time import run_virtually

DAY = SpendCap(1000)
NOON = 1_764_072_000 * 10**9  # 2025-11-25, 12:00 UTC
HOURS = 3600 * 10**9
SHOT = snapshot(model("lab/m", endpoint("a")))


def provider(cap: SpendCap = DAY):  # type: ignore[no-untyped-def]
    return replace(SHOT.providers["a"], credentials=("main",), spend_caps={"main": cap})


def test_a_credential_is_full_once_its_cap_is_spent_and_free_again_the_next_day() -> None:
    book, a = SpendBook(), provider()
    book.spent(a, "main", 999, NOON)
    assert not book.is_full(a, "main", NOON)
    book.spent(a, "main", 1, NOON)
    assert book.is_full(a, "main", NOON + 11 * HOURS)
    assert not book.is_full(a, "main", NOON + 13 * HOURS)


def test_a_cap_that_is_raised_or_taken_away_lets_requests_through_again_at_once() -> None:
    book = SpendBook()
    book.spent(provider(), "main", 1000, NOON)
    assert book.is_full(provider(), "main", NOON)
    assert not book.is_full(provider(SpendCap(1001)), "main", NOON)
    assert not book.is_full(SHOT.providers["a"], "main", NOON)
    assert book.is_full(provider(), "main", NOON)


def test_a_month_is_counted_by_the_calendar_and_a_cap_of_nothing_lets_nothing_through() -> None:
    assert period_of(SpendCap(1, "month"), NOON) == "2025-11"
    assert period_of(DAY, NOON) == "2025-11-25"
    assert SpendBook().is_full(provider(SpendCap(0)), "main", NOON)


def test_what_has_no_cap_is_not_counted() -> None:
    book = SpendBook()
    book.spent(SHOT.providers["a"], "main", 10**12, NOON)
    assert book.told() == []
    assert not book.is_full(SHOT.providers["a"], "main", NOON)


def test_gateways_add_up_what_each_says_last_and_a_restart_forgets_nothing() -> None:
    one, other = HealthTable(seeded(1)), HealthTable(seeded(2))
    one.who, other.who = "gw_1", "gw_2"
    a = provider()
    one.spending.spent(a, "main", 600, NOON)
    other.spending.spent(a, "main", 500, NOON)
    for _ in range(3):
        assert notes.hear(one, notes.told(other, 0.0, NOON), 0.0, NOON)
    assert one.spending.total("a", "main", "2025-11-25") == 1100
    assert one.spending.is_full(a, "main", NOON)
    assert notes.hear(one, notes.told(one, 0.0, NOON), 0.0, NOON)
    assert one.spending.total("a", "main", "2025-11-25") == 1100, "its own word is no news"
    again = HealthTable(seeded(3))
    assert notes.restore(again, notes.kept(one, 0.0, NOON), 0.0, NOON)
    assert (again.who, again.spending.total("a", "main", "2025-11-25")) == (one.who, 600)


def test_a_crowd_of_gateways_is_bounded() -> None:
    book = SpendBook()
    for number in range(OTHERS + 10):
        book.hear(f"g{number}", [SpentRow("a", "main", "2025-11-25", 1)])
    assert book.total("a", "main", "2025-11-25") == OTHERS


@pytest.mark.parametrize("both", [False, True])
def test_others_are_asked_instead_and_nobody_where_there_are_none(both: bool) -> None:
    async def story() -> None:
        house = House(model("lab/m", endpoint("a")), a=always(HELLO))
        names = ("main", "spare")
        caps = dict.fromkeys(names if both else names[:1], SpendCap(0))
        shot = house.world.snapshot
        capped = replace(shot.providers["a"], credentials=names, spend_caps=caps)
        house.world.snapshot = replace(shot, providers={"a": capped})
        for _ in range(5):
            done = await house.ask()
            if both:
                assert isinstance(done.error, UpstreamError)
                assert (done.error.error_class, done.path) == (ErrorClass.QUOTA, [])
            else:
                assert [attempt.credential for attempt in done.attempts] == ["spare"]

    run_virtually(story())
