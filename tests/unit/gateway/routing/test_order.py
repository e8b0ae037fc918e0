"""In which order endpoints are tried."""

from __future__ import annotations

import pytest

from opengateway.domain.chat import ProviderPreferences, SortBy
from opengateway.domain.errors import ErrorClass
from opengateway.domain.routing import Choice
from opengateway.gateway.routing.spots import OUT, RESTING
from unit.gateway.fakes import model
from unit.gateway.routing.places import Desk, place


def fail(
    desk: Desk, name: str, times: int, error_class: ErrorClass = ErrorClass.SERVER_ERROR
) -> None:
    for _ in range(times):
        desk.router.health.failed(desk.cell(name), error_class, desk.clock.monotonic())


def three(**more: object) -> Desk:
    desk = Desk(place("a"), place("b"), place("c"), **more)  # type: ignore[arg-type]
    for name in "abc":
        desk.measured(name, 0.4)
    return desk


def test_equals_share_the_load() -> None:
    shares = three().shares()
    assert all(share == pytest.approx(1 / 3, abs=0.05) for share in shares.values())


def test_the_cheaper_gets_more_by_the_square() -> None:
    desk = Desk(place("cheap", input_usd=1, output_usd=1), place("dear", input_usd=2, output_usd=2))
    desk.measured("cheap", 0.4), desk.measured("dear", 0.4)
    assert desk.shares()["cheap"] == pytest.approx(0.8, abs=0.05)


def test_weights_divide_what_costs_the_same() -> None:
    desk = Desk(place("a", weight=3.0), place("b", weight=1.0))
    desk.measured("a", 0.4), desk.measured("b", 0.4)
    assert desk.shares()["a"] == pytest.approx(0.75, abs=0.05)


def test_a_free_endpoint_beside_a_paid_one_gets_nearly_all() -> None:
    desk = Desk(place("house", input_usd=0, output_usd=0), place("paid"))
    desk.measured("house", 0.4), desk.measured("paid", 0.4)
    assert desk.shares()["house"] > 0.97


def test_what_is_slower_by_far_gets_hardly_anything() -> None:
    desk = three()
    desk.measured("a", 8.0, times=40)
    assert desk.shares().get("a", 0.0) <= 0.02


def test_a_little_slower_is_no_reason() -> None:
    desk = three()
    desk.measured("a", 0.5, times=40)
    assert desk.shares()["a"] == pytest.approx(1 / 3, abs=0.05)


def test_who_has_more_in_flight_is_passed_over() -> None:
    desk = three()
    desk.cell("a").limit.in_flight = 20
    assert desk.shares().get("a", 0.0) <= 0.02


def test_the_cheaper_is_given_up_only_for_much_more_load() -> None:
    desk = Desk(place("cheap", input_usd=1, output_usd=1), place("dear", input_usd=2, output_usd=2))
    desk.measured("cheap", 0.4), desk.measured("dear", 0.4)
    desk.cell("cheap").limit.in_flight = 2
    assert desk.shares()["cheap"] > 0.7
    desk.cell("cheap").limit.in_flight = 20
    assert desk.shares()["dear"] > 0.97


def test_what_nobody_knows_is_asked_once_and_not_flooded() -> None:
    desk = Desk(place("a"), place("b"))
    desk.measured("a", 0.4)
    assert desk.shares()["b"] > 0.4
    desk.cell("b").limit.in_flight = 1
    assert desk.shares().get("b", 0.0) <= 0.02


def test_the_healthy_go_first_whatever_they_cost() -> None:
    desk = Desk(place("cheap", input_usd=1), place("dear", input_usd=50))
    desk.measured("cheap", 0.4), desk.measured("dear", 0.4)
    fail(desk, "cheap", 12)
    desk.clock.advance(0.1)
    assert set(desk.shares(200)) == {"dear"}
    assert desk.order() == ["dear", "cheap"], "and the other one is still there"


def test_a_band_goes_before_priority() -> None:
    desk = Desk(place("first", priority=0), place("second", priority=1))
    assert desk.first() == "first"
    fail(desk, "first", 5)
    assert desk.first() == "second"


def test_priority_goes_before_price() -> None:
    desk = Desk(place("cheap", input_usd=1, priority=1), place("dear", input_usd=50))
    assert set(desk.shares(300)) == {"dear"}


@pytest.mark.parametrize(
    ("sort", "expected"),
    [
        (SortBy.PRICE, ["cheap", "middle", "fast"]),
        (SortBy.LATENCY, ["fast", "middle", "cheap"]),
        (SortBy.THROUGHPUT, ["middle", "cheap", "fast"]),
    ],
)
def test_a_sort_is_a_sort(sort: SortBy, expected: list[str]) -> None:
    desk = Desk(
        place("cheap", input_usd=1),
        place("middle", input_usd=2),
        place("fast", input_usd=3),
        preferences=ProviderPreferences(sort=sort),
        seed=5,
    )
    for name, first_s, token_s in (("cheap", 3, 0.02), ("middle", 1, 0.01), ("fast", 0.2, 0.04)):
        desk.measured(name, first_s)
        desk.cell(name).pace.add(token_s)
    found = [desk.order() for _ in range(200)]
    assert found.count(expected) >= 190, "but for a small share that explores"
    fail(desk, expected[0], 5)
    assert desk.order()[-1] == expected[0]


def test_a_sort_across_models_does_not_wait_for_the_requested_one() -> None:
    wishes = ProviderPreferences(sort=SortBy.PRICE, sort_across_models=True)
    other = model("lab/other", place("cheap", input_usd=0.1))
    from unit.gateway.routing.places import asking

    chat = asking(wishes, fallbacks=("lab/other",))
    desk = Desk(place("a"), models=(other,), chat=chat)
    assert desk.order() == ["cheap", "a"]


def test_the_caller_s_order_is_kept_and_the_rest_follows() -> None:
    desk = three(preferences=ProviderPreferences(order=("c", "a")))
    assert desk.order() == ["c", "a", "b"]


def test_what_misses_a_preference_goes_behind_and_stays() -> None:
    wishes = ProviderPreferences(preferred_max_latency=((90, 1.0),))
    desk = three(preferences=wishes)
    desk.measured("a", 5.0, times=60), desk.measured("b", 5.0, times=60)
    assert set(desk.shares(300)) == {"c"}
    desk.measured("c", 5.0, times=60)
    assert len(desk.order()) == 3

    desk = three(preferences=ProviderPreferences(preferred_min_throughput=((50, 40.0),)))
    for name, rate in (("a", 10), ("b", 50), ("c", 10)):
        desk.cell(name).pace.add(1 / rate)
    assert set(desk.shares(300)) == {"b"}


class TestTheConversationsOwn:
    def test_goes_first_within_the_band_of_the_well(self) -> None:
        desk = three()
        found = desk.router.order(desk.plan, sticky=desk.candidate("b"))
        assert (found.spots[0].candidate.provider.id, found.why) == ("b", Choice.STICKY)
        assert sorted(s.candidate.provider.id for s in found.spots) == ["a", "b", "c"]

    def test_is_no_filter_when_it_is_not_well(self) -> None:
        desk = three()
        fail(desk, "b", 5)
        assert desk.order(sticky=desk.candidate("b"))[-1] == "b"

    def test_does_not_count_where_the_caller_gave_an_order(self) -> None:
        desk = three(preferences=ProviderPreferences(order=("c",)))
        assert desk.first(sticky=desk.candidate("b")) == "c"

    def test_is_not_left_for_a_trial_but_a_trial_comes_in_the_end(self) -> None:
        desk = three()
        fail(desk, "a", 5)
        desk.clock.advance(desk.cell("a").out_until() - desk.clock.monotonic() + 0.1)
        assert desk.first(sticky=desk.candidate("b")) == "b"
        desk.clock.advance(4)
        assert desk.first(sticky=desk.candidate("b")) == "a"


class TestTrials:
    def half(self, **more: object) -> Desk:
        desk = three(**more)
        fail(desk, "a", 5)
        desk.clock.advance(desk.cell("a").out_until() - desk.clock.monotonic() + 0.1)
        return desk

    def test_the_next_request_is_the_trial(self) -> None:
        desk = self.half()
        found = desk.router.order(desk.plan)
        assert (found.spots[0].candidate.provider.id, found.why) == ("a", Choice.TRIAL)

    def test_while_one_runs_others_go_elsewhere(self) -> None:
        desk = self.half()
        for breaker in desk.cell("a").breakers:
            breaker.begin_trial(desk.clock.monotonic())
        assert {desk.order()[-1] for _ in range(50)} == {"a"}

    def test_only_a_request_that_could_go_elsewhere_is_one(self) -> None:
        desk = self.half()
        for name in "bc":
            fail(desk, name, 5)
        found = desk.router.order(desk.plan)
        assert found.why is Choice.LAST_RESORT

    def test_an_order_of_the_caller_s_is_not_broken_for_one(self) -> None:
        desk = self.half(preferences=ProviderPreferences(order=("b",)))
        assert desk.first() == "b"
        desk = self.half(preferences=ProviderPreferences(order=("a",)))
        assert desk.first() == "a"


class TestWhenMostAreOut:
    def test_one_that_is_well_serves_alone(self) -> None:
        desk = three()
        fail(desk, "a", 5), fail(desk, "b", 5)
        found = desk.router.order(desk.plan)
        assert found.spots[0].candidate.provider.id == "c"
        assert found.panic

    def test_when_all_are_out_all_of_them_are_asked(self) -> None:
        desk = three()
        for name in "abc":
            fail(desk, name, 5)
        assert set(desk.shares(300)) == {"a", "b", "c"}
        assert desk.router.order(desk.plan).bands == [OUT] * 3

    def test_who_told_us_to_wait_is_last_the_soonest_first(self) -> None:
        desk = three()
        for name, seconds in (("a", 30.0), ("b", 10.0)):
            desk.router.health.failed(
                desk.cell(name),
                ErrorClass.RATE_LIMITED,
                desk.clock.monotonic(),
                retry_after_s=seconds,
            )
        fail(desk, "c", 5)
        found = desk.router.order(desk.plan)
        assert [s.candidate.provider.id for s in found.spots] == ["c", "b", "a"]
        assert found.bands == [OUT, RESTING, RESTING]


def test_what_came_back_has_a_small_share_that_grows() -> None:
    desk = three()
    desk.cell("a").start_slowly(desk.clock.monotonic(), 1)
    assert desk.shares()["a"] < 0.12
    desk.clock.advance(31)
    assert desk.shares()["a"] == pytest.approx(1 / 3, abs=0.05)


def test_a_full_endpoint_goes_behind_those_with_room() -> None:
    desk = three()
    cell = desk.cell("a")
    cell.limit.in_flight, cell.limit.limit = 5, 5.0
    assert {desk.order()[-1] for _ in range(100)} == {"a"}


def test_a_small_share_goes_where_nobody_was_for_long_unless_it_is_dear() -> None:
    def explored(price: float) -> float:
        desk = Desk(place("a"), place("b", input_usd=price, output_usd=price, priority=1))
        assert desk.order() == ["a", "b"]
        desk.clock.advance(10)
        desk.cell("a").used_at = desk.clock.monotonic()
        return desk.shares(5000).get("b", 0.0)

    assert 0.003 < explored(1.2) < 0.02
    assert explored(10.0) == 0.0


def test_a_seeded_chance_makes_the_same_order_again() -> None:
    assert [three(seed=9).order() for _ in range(3)] == [three(seed=9).order() for _ in range(3)]
    one, two = three(seed=9), three(seed=9)
    assert [one.order() for _ in range(50)] == [two.order() for _ in range(50)]
