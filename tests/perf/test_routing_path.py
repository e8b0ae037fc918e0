"""What routing costs a request, in units of the calibration loop (see test_hot_path.py).

The goal: at most a fifth of the gateway's CPU per request with 4 candidates, two fifths with 20. A
request takes about 60 units in all; `pytest -s` prints the ratios.
"""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from opengateway.domain.chat import ChatRequest, Meter
from opengateway.domain.errors import ErrorClass
from opengateway.domain.records import Ending
from opengateway.domain.usage import Dimension, Usage
from opengateway.gateway.routing.explain import routing_record
from perf.test_hot_path import Step, ratio_of
from unit.gateway.fakes import PRINCIPAL
from unit.gateway.routing.places import Desk, place


def desk_of(count: int) -> Desk:
    desk = Desk(*(place(f"p{at}") for at in range(count)))
    for at in range(count):
        desk.measured(f"p{at}", 0.4)
    return desk


def order_when_all_are_well(count: int) -> Step:
    desk = desk_of(count)
    return lambda: desk.router.order(desk.plan)


def order_when_some_are_not(count: int) -> Step:
    desk = desk_of(count)
    for name, error_class in (("p0", ErrorClass.SERVER_ERROR), ("p1", ErrorClass.RATE_LIMITED)):
        for _ in range(6):
            desk.router.health.failed(desk.cell(name), error_class, desk.clock.monotonic())
    return lambda: desk.router.order(desk.plan)


def all_of_a_request(count: int) -> Step:
    """Its order, its place at the endpoint, the word on how it went, and the record."""
    desk = desk_of(count)
    return whole(desk, desk.chat)


def all_of_a_turn(count: int) -> Step:
    """The same for a conversation that comes back to its cache."""
    desk = desk_of(count)
    for spot in desk.router.bound(desk.plan).groups[0].spots:
        spot.price_read = 0
    desk.router.bound(desk.plan).keeps_prompts = True
    return whole(desk, replace(desk.chat, session_id="a conversation"))


def whole(desk: Desk, chat: ChatRequest) -> Step:
    meter = Meter(usage=Usage({Dimension.INPUT: 1000, Dimension.OUTPUT: 10}))

    def one() -> object:
        route = desk.router.route(chat, PRINCIPAL, desk.plan)
        found = route.next()
        assert found is not None
        entering = route.enter(*found, 10.0)
        try:
            entering.send(None)
        except StopIteration:
            pass
        route.answered({})
        route.close(Ending.COMPLETED, meter, [])
        return routing_record(route)

    return one


@pytest.mark.parametrize(
    ("make", "count", "budget"),
    [
        (order_when_all_are_well, 4, 8.0),
        (order_when_all_are_well, 20, 19.0),
        (order_when_some_are_not, 4, 16.0),
        (order_when_some_are_not, 20, 36.0),
        (all_of_a_request, 4, 28.0),
        (all_of_a_request, 20, 46.0),
        (all_of_a_turn, 4, 36.0),
        (all_of_a_turn, 20, 56.0),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_routing_stays_within_its_budget(make, count: int, budget: float) -> None:  # type: ignore[no-untyped-def]
    ratio = ratio_of(lambda: make(count), budget)
    print(f"{make.__name__} {count}: {ratio:.2f} of {budget} units")
    assert ratio <= budget
