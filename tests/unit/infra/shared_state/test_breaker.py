from __future__ import annotations

from opengateway.infra.shared_state.breaker import MIN_SAMPLES, PROBE_EVERY_S, WINDOW_S, Breaker
from opengateway.kit.clock import ManualClock


def breaker() -> tuple[Breaker, ManualClock]:
    clock = ManualClock(elapsed_s=100.0)
    return Breaker(clock), clock


def record(breaker: Breaker, good: int, bad: int) -> None:
    for _ in range(good):
        breaker.record(failed=False)
    for _ in range(bad):
        breaker.record(failed=True)


def test_it_opens_at_half_of_twenty_and_not_before() -> None:
    one, _ = breaker()
    record(one, 10, 9)
    assert not one.is_open
    record(one, 0, 1)
    assert one.is_open
    assert one.opened == 1


def test_few_failures_of_few_calls_open_nothing() -> None:
    one, _ = breaker()
    record(one, 0, MIN_SAMPLES - 1)
    assert not one.is_open


def test_a_store_that_mostly_answers_is_asked() -> None:
    one, _ = breaker()
    record(one, 60, 40)
    assert not one.is_open


def test_what_is_older_than_the_window_counts_for_nothing() -> None:
    one, clock = breaker()
    record(one, 0, MIN_SAMPLES - 1)
    clock.advance(WINDOW_S + 0.5)
    record(one, 0, 1)
    assert not one.is_open


def test_one_caller_in_two_seconds_probes() -> None:
    one, clock = breaker()
    assert not one.probe_is_due()  # nothing is wrong
    record(one, 0, MIN_SAMPLES)
    assert not one.probe_is_due()
    for _ in range(3):
        clock.advance(PROBE_EVERY_S)
        assert [one.probe_is_due() for _ in range(5)] == [True, False, False, False, False]


def test_closed_again_it_starts_from_nothing() -> None:
    one, _ = breaker()
    record(one, 0, MIN_SAMPLES)
    record(one, 0, 100)  # calls that were under way: they count for nothing
    one.close()
    record(one, 0, MIN_SAMPLES - 1)
    assert not one.is_open
