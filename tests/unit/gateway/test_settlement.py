from __future__ import annotations

import msgspec
import pytest

from opengateway.domain.chat import Meter
from opengateway.domain.errors import (
    CapacityError,
    ErrorClass,
    InvalidRequest,
    NotAuthenticated,
    UpstreamError,
)
from opengateway.domain.records import Ending
from opengateway.domain.usage import Dimension, Usage
from opengateway.gateway.presentation import MAX_RETRY_AFTER_S, present
from opengateway.gateway.settlement import hold_amount, settle
from opengateway.policies.errors import ERROR_POLICIES
from unit.gateway.fakes import chat, endpoint

KNOWN = Usage({Dimension.INPUT: 10, Dimension.OUTPUT: 5})


def charged(ending: Ending, meter: Meter) -> tuple[int, bool]:
    found = settle(ending, chat(), endpoint("a"), meter)
    return found.cost.total, found.usage.estimated


@pytest.mark.parametrize(
    ("ending", "meter", "expected"),
    [
        (Ending.COMPLETED, Meter(usage=KNOWN, has_content=True), (20, False)),
        (Ending.COMPLETED, Meter(usage=KNOWN), (20, False)),
        (Ending.COMPLETED, Meter(characters=8, has_content=True), (14, True)),
        (Ending.CLIENT_GONE, Meter(usage=KNOWN, has_content=True), (20, False)),
        (Ending.CLIENT_GONE, Meter(characters=8, has_content=True), (14, True)),
        (Ending.CLIENT_GONE, Meter(), (0, False)),
        (Ending.CLIENT_GONE, Meter(usage=KNOWN), (0, False)),
        (Ending.UPSTREAM_BROKE, Meter(characters=8, has_content=True), (14, True)),
        (Ending.UPSTREAM_BROKE, Meter(), (0, False)),
        (Ending.REFUSED, Meter(usage=KNOWN, has_content=True), (0, False)),
        (Ending.FAILED, Meter(usage=KNOWN, has_content=True), (0, False)),
        (Ending.VOID, Meter(usage=KNOWN, has_content=True), (0, False)),
    ],
)
def test_what_is_charged_follows_from_the_ending(
    ending: Ending, meter: Meter, expected: tuple[int, bool]
) -> None:
    assert charged(ending, meter) == expected


def test_an_input_that_was_told_counts_even_where_the_output_was_not() -> None:
    told = Usage({Dimension.INPUT: 3})
    meter = Meter(input_usage=told, characters=8, has_content=True)
    assert charged(Ending.UPSTREAM_BROKE, meter) == (3 + 2 * 2, True)


def test_a_hold_covers_the_input_and_the_output_that_may_come() -> None:
    assert hold_amount(chat(), endpoint("a")) == 10 * 1 + 100 * 2


@pytest.mark.parametrize("error_class", list(ErrorClass))
def test_every_class_of_trouble_has_a_status_that_is_not_the_caller_s_unless_it_is_his_fault(
    error_class: ErrorClass,
) -> None:
    policy = ERROR_POLICIES[error_class]
    shown = present(UpstreamError(error_class, "m", detail="their words"), "gen_1")
    assert shown.status not in (401, 402, 403, 429), "those are the caller's own"
    assert (shown.message == "their words") == policy.reveal
    assert policy.reveal == (shown.status == 400)
    assert shown.code
    assert shown.type


def test_infrastructure_trouble_is_worth_another_try_and_a_bad_request_is_not() -> None:
    assert present(CapacityError("m"), "gen_1").should_retry
    assert not present(InvalidRequest("m"), "gen_1").should_retry
    assert not present(NotAuthenticated("m"), "gen_1").should_retry


def test_a_retry_after_stays_within_what_clients_honour() -> None:
    error = UpstreamError(ErrorClass.RATE_LIMITED, "m", retry_after_s=9999)
    assert present(error, "gen_1").retry_after_s == MAX_RETRY_AFTER_S


def test_a_bug_shows_nothing_of_itself() -> None:
    shown = present(KeyError("secret path"), "gen_1")
    assert shown.status == 500
    assert "secret" not in shown.message
    assert "gen_1" in shown.message


def test_a_chat_that_is_billed_by_the_request_as_well_is_charged_for_one() -> None:
    place = endpoint("a")
    rates = {**place.price.rates, Dimension.REQUESTS: 5_000_000_000}
    searched = msgspec.structs.replace(
        place, price=msgspec.structs.replace(place.price, rates=rates)
    )
    found = settle(Ending.COMPLETED, chat(), searched, Meter(usage=KNOWN, has_content=True))
    assert found.cost.total == 20 + 5000
    assert found.provider_cost == found.cost.total
    assert hold_amount(chat(), searched) >= found.cost.total
    refused = settle(Ending.REFUSED, chat(), searched, Meter(usage=KNOWN, has_content=True))
    assert refused.cost.total == 0
