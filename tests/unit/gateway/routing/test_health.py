"""What failures say of an endpoint, how long it is out, and how it comes back."""

from __future__ import annotations

import pytest

from opengateway.domain.errors import ErrorClass
from opengateway.gateway.routing.breaker import RETRY_AFTER_CAP_S
from opengateway.gateway.routing.health import Health, Standing
from opengateway.gateway.routing.health_table import HealthTable
from opengateway.kit.chance import seeded
from opengateway.policies.health import HEALTH, RestKind, Scope

A = ("p", "eu", "main", "m")


class World:
    def __init__(self) -> None:
        self.now = 1000.0
        self.alarms: list[tuple[str, str, str]] = []
        self.table = HealthTable(seeded(3), lambda *alarm: self.alarms.append(alarm))

    def cell(self, key: tuple[str, ...] = A) -> Health:
        return self.table.at(key, self.now)

    def ok(self, key: tuple[str, ...] = A, times: int = 1, seconds: float = 0.0) -> None:
        for _ in range(times):
            self.table.succeeded(self.cell(key), self.now, seconds, 100, whole=False)

    def fail(
        self,
        error_class: ErrorClass = ErrorClass.SERVER_ERROR,
        key: tuple[str, ...] = A,
        times: int = 1,
        retry_after_s: float | None = None,
        after_content: bool = False,
    ) -> None:
        for _ in range(times):
            self.table.failed(
                self.cell(key),
                error_class,
                self.now,
                retry_after_s=retry_after_s,
                after_content=after_content,
            )

    def standing(self, key: tuple[str, ...] = A) -> Standing:
        return self.cell(key).standing(self.now)


@pytest.fixture
def world() -> World:
    return World()


def test_what_nobody_used_is_well(world: World) -> None:
    assert world.standing() is Standing.WELL
    assert world.cell().expected == pytest.approx(0.99)


def test_one_failure_is_no_news_two_in_a_row_put_it_behind_and_five_out(world: World) -> None:
    found = []
    for _ in range(5):
        world.fail()
        found.append(world.standing())
    assert found == [
        Standing.WELL,
        Standing.DEGRADED,
        Standing.DEGRADED,
        Standing.DEGRADED,
        Standing.OUT,
    ]


def test_few_failures_among_many_successes_are_no_news(world: World) -> None:
    for _ in range(5):
        world.ok(times=40)
        world.fail()
    assert world.standing() is Standing.WELL


def test_what_fails_three_times_of_ten_goes_behind_without_going_out(world: World) -> None:
    for _ in range(30):
        world.ok(times=4)
        world.fail()
        world.ok(times=3)
        world.fail(times=2)
    assert world.standing() is Standing.DEGRADED


def test_what_fails_more_often_than_not_is_out_though_never_five_times_in_a_row(
    world: World,
) -> None:
    for _ in range(8):
        world.fail(times=2)
        world.ok(seconds=0.5)
    assert world.standing() is Standing.OUT


@pytest.mark.parametrize(
    "error_class",
    [
        ErrorClass.BAD_REQUEST,
        ErrorClass.CONTENT_FILTER,
        ErrorClass.CONTEXT_EXCEEDED,
        ErrorClass.TOOL_CALL_FAILED,
        ErrorClass.TIMEOUT_DEADLINE,
    ],
)
def test_what_is_the_request_s_fault_says_nothing_against_the_endpoint(
    world: World, error_class: ErrorClass
) -> None:
    world.fail(error_class, times=100)
    assert world.standing() is Standing.WELL
    assert world.table.opened == {}


def test_a_refusal_of_the_request_shows_that_the_provider_is_there(world: World) -> None:
    world.fail(times=4)
    world.fail(ErrorClass.BAD_REQUEST)
    world.fail(times=4)
    assert world.standing() is not Standing.OUT


@pytest.mark.parametrize(
    ("error_class", "times", "resting", "spared"),
    [
        # (region, credential, model) of others that rest with it, and that do not.
        (ErrorClass.CONNECT, 3, ("eu", "spare", "n"), ("us", "main", "m")),
        (ErrorClass.OVERLOADED, 5, ("us", "spare", "m"), ("eu", "main", "n")),
        (ErrorClass.RATE_LIMITED, 1, ("us", "main", "m"), ("eu", "spare", "m")),
        (ErrorClass.AUTH, 1, ("us", "main", "n"), ("eu", "spare", "m")),
        (ErrorClass.QUOTA, 1, ("us", "main", "n"), ("eu", "spare", "m")),
        (ErrorClass.MODEL_GONE, 1, ("us", "main", "m"), ("eu", "main", "n")),
        (ErrorClass.SERVER_ERROR, 5, ("eu", "main", "m"), ("eu", "spare", "m")),
    ],
)
def test_the_class_decides_how_far_a_failure_reaches(
    world: World,
    error_class: ErrorClass,
    times: int,
    resting: tuple[str, ...],
    spared: tuple[str, ...],
) -> None:
    gone, well = ("p", *resting), ("p", *spared)
    world.cell(gone), world.cell(well)
    world.fail(error_class, times=times)
    assert world.standing() >= Standing.OUT
    assert world.standing(gone) >= Standing.OUT
    assert world.standing(well) is Standing.WELL
    assert world.standing(("q", "eu", "main", "m")) is Standing.WELL


def test_a_refused_credential_is_an_alarm_and_no_fault_of_the_endpoint(world: World) -> None:
    world.fail(ErrorClass.AUTH)
    assert world.alarms == [("p", "main", "auth")]
    assert world.cell().bad == 0.0
    world.fail(ErrorClass.AUTH)
    assert len(world.alarms) == 1, "told once"


class TestRests:
    def test_retry_after_is_kept_to_and_then_it_is_well_at_once(self, world: World) -> None:
        world.fail(ErrorClass.RATE_LIMITED, retry_after_s=30.0)
        world.now += 29.99
        assert world.standing() is Standing.RESTING
        world.now += 1.0
        assert world.standing() is Standing.WELL
        assert world.cell().weight(world.now) < 0.2, "and is asked little at first"

    def test_a_second_refusal_makes_it_longer_and_never_shorter(self, world: World) -> None:
        world.fail(ErrorClass.RATE_LIMITED, retry_after_s=30.0)
        until = world.cell().rests_until()
        world.fail(ErrorClass.RATE_LIMITED, retry_after_s=1.0)
        assert world.cell().rests_until() == until
        world.fail(ErrorClass.RATE_LIMITED, retry_after_s=60.0)
        assert world.cell().rests_until() >= world.now + 60.0

    def test_it_is_bounded(self, world: World) -> None:
        world.fail(ErrorClass.RATE_LIMITED, retry_after_s=1e9)
        assert world.cell().rests_until() <= world.now + RETRY_AFTER_CAP_S * 1.02

    def test_without_a_time_the_gaps_grow_until_it_went_well(self, world: World) -> None:
        gaps = []
        for _ in range(5):
            world.fail(ErrorClass.RATE_LIMITED)
            gaps.append(world.cell().rests_until() - world.now)
            world.now = world.cell().rests_until() + 0.01
            assert world.standing() is Standing.WELL
        assert 1.6 <= gaps[0] <= 2.4
        assert 3.2 <= gaps[1] <= 4.8
        assert all(gap <= 13.2 for gap in gaps), "a healed one is asked within 15 s"
        world.ok()
        world.fail(ErrorClass.RATE_LIMITED)
        assert world.cell().rests_until() - world.now <= 2.4

    def test_a_fault_with_retry_after_is_out_for_so_long_and_still_a_last_resort(
        self, world: World
    ) -> None:
        world.fail(ErrorClass.OVERLOADED, retry_after_s=40.0)
        world.now += 39.0
        assert world.standing() is Standing.OUT


class TestComingBack:
    def open(self, world: World) -> None:
        world.fail(times=5)
        assert world.standing() is Standing.OUT
        world.now = world.cell().out_until()

    def test_it_is_half_open_within_fifteen_seconds_however_often_it_failed(
        self, world: World
    ) -> None:
        for _ in range(20):
            world.fail(times=5)
            assert world.cell().out_until() - world.now <= 13.2
            world.now = world.cell().out_until() + 0.01
            assert world.standing() is Standing.HALF

    def test_one_trial_at_a_time(self, world: World) -> None:
        self.open(world)
        cell = world.cell()
        assert cell.may_try(world.now)
        cell.by_scope[Scope.ENDPOINT].begin_trial(world.now)
        assert not cell.may_try(world.now)
        cell.by_scope[Scope.ENDPOINT].end_trial()
        assert cell.may_try(world.now)

    def test_a_trial_that_nobody_ended_does_not_hold_it_for_ever(self, world: World) -> None:
        self.open(world)
        world.cell().by_scope[Scope.ENDPOINT].begin_trial(world.now)
        world.now += 1000
        assert world.cell().may_try(world.now)

    def test_two_good_trials_bring_it_in_slowly_and_it_is_whole_after_half_a_minute(
        self, world: World
    ) -> None:
        self.open(world)
        world.ok()
        assert world.standing() is Standing.HALF
        world.ok()
        assert world.standing() is Standing.WELL
        assert world.cell().weight(world.now) == pytest.approx(0.1)
        world.now += 15
        assert world.cell().weight(world.now) == pytest.approx(0.55)
        world.now += 16
        assert world.cell().weight(world.now) == 1.0
        assert world.standing() is Standing.WELL
        assert world.cell().clear, "seen at a glance again"

    def test_a_failed_trial_puts_it_out_again_for_longer(self, world: World) -> None:
        world.fail(times=5)
        first = world.cell().out_until() - world.now
        world.now = world.cell().out_until()
        world.fail()
        assert world.standing() is Standing.OUT
        assert world.cell().out_until() - world.now > first

    def test_what_is_out_again_and_again_starts_more_slowly(self, world: World) -> None:
        for _ in range(3):
            self.open(world)
            world.ok(times=2)
        assert world.cell().weight(world.now) < 0.05

    def test_a_last_resort_that_goes_well_is_a_trial(self, world: World) -> None:
        world.fail(times=5)
        world.ok(times=2)
        assert world.standing() is Standing.WELL

    def test_what_was_asked_before_it_went_out_does_not_bring_it_in(self, world: World) -> None:
        world.fail(times=5)
        world.now += 1
        world.ok(times=10, seconds=2.0)
        assert world.standing() is Standing.OUT

    def test_what_was_asked_before_it_came_back_does_not_put_it_out(self, world: World) -> None:
        self.open(world)
        world.ok(times=2)
        world.now += 1
        for _ in range(20):
            world.table.failed(
                world.cell(), ErrorClass.TIMEOUT_FIRST_TOKEN, world.now, began=world.now - 30
            )
        assert world.standing() is Standing.WELL

    def test_a_last_resort_that_fails_does_not_keep_it_out_longer(self, world: World) -> None:
        world.fail(times=5)
        until = world.cell().out_until()
        world.now += 1
        world.fail(times=50)
        assert world.cell().out_until() == until

    def test_a_region_that_answers_anywhere_is_in_for_all_of_it(self, world: World) -> None:
        other = ("p", "eu", "main", "n")
        world.cell(other)
        world.fail(ErrorClass.CONNECT, times=3)
        assert world.standing(other) is Standing.OUT
        world.now = world.cell(other).out_until()
        world.ok(other, times=2)
        assert world.standing(other) is Standing.WELL


def test_half_a_failure_is_one_after_content(world: World) -> None:
    world.fail(ErrorClass.TRUNCATED, times=9, after_content=True)
    assert world.standing() is not Standing.OUT
    world.fail(ErrorClass.TRUNCATED, after_content=True)
    assert world.standing() is Standing.OUT


def test_streams_that_wait_for_longer_than_usual_put_it_behind(world: World) -> None:
    world.ok(times=30)
    cell = world.cell()
    cell.waiting, cell.heard_at = 3, world.now
    world.now += 1.9
    assert world.standing() is Standing.WELL
    world.now += 0.2
    assert world.standing() is Standing.POOR
    world.ok()
    assert world.standing() is Standing.WELL


def test_little_headroom_means_a_small_share(world: World) -> None:
    cell = world.cell()
    cell.set_headroom(0.05, 10.0, world.now)
    assert cell.weight(world.now) == pytest.approx(0.5)
    world.now += 10.1
    assert cell.weight(world.now) == 1.0


def test_unused_endpoints_are_forgotten_and_troubled_ones_are_not(world: World) -> None:
    world.ok()
    world.fail(ErrorClass.AUTH, ("q", "eu", "main", "m"))
    world.now += 4000
    world.table.forget_unused(world.now)
    assert list(world.table.cells) == [("q", "eu", "main", "m")]
    assert {b.key[0] for b in world.table.breakers()} == {"q"}


def test_a_crowd_of_endpoints_is_bounded(world: World) -> None:
    for number in range(HealthTable.LIMIT + 50):
        world.cell(("p", "eu", "main", str(number)))
    assert len(world.table.cells) <= HealthTable.LIMIT


@pytest.mark.parametrize("error_class", list(ErrorClass))
def test_every_class_has_a_policy_that_holds_together(error_class: ErrorClass) -> None:
    policy = HEALTH[error_class]
    assert (policy.scope is Scope.NONE) == (policy.streak == 0)
    assert policy.kind is not RestKind.REST or policy.streak == 1
    assert policy.base_s <= policy.max_s
    if policy.kind is not RestKind.CREDENTIAL and error_class is not ErrorClass.MODEL_GONE:
        assert policy.max_s * 1.2 < 15, "a healed endpoint has its first request within 15 s"
