"""What each step of the hot path costs, as a ratio to a calibration loop in the same process.

Absolute times say more of the machine than of the code (decision 35). One unit is the time of
`calibration`, about a microsecond of plain Python; a budget is twice what the step took when it was
last looked at, so that a step which becomes twice as dear is seen, and a busy machine is not. The
true figures are those of `make bench`. `pytest -s` prints the ratios.
"""

from __future__ import annotations

import gc
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache, partial
from itertools import cycle
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from opengateway.dialects.openai_chat import DIALECT
from opengateway.domain.catalog import Endpoint, Model, ModelKind, Profile, Provider, Snapshot, Wire
from opengateway.domain.chat import ChatRequest
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.principal import KeyKind, Principal
from opengateway.domain.records import CloseRecord, Ending, OpenRecord
from opengateway.domain.routing_rules import Routing
from opengateway.domain.usage import Dimension, PriceRow
from opengateway.gateway.arrival import Arrival
from opengateway.gateway.headers import json_head
from opengateway.gateway.presentation import present
from opengateway.gateway.recording import Origin, exchange_record
from opengateway.gateway.resolve import plan_chat
from opengateway.gateway.settlement import hold_amount, settle
from opengateway.gateway.state import ExchangeState
from opengateway.infra.key_table import KeyTable
from opengateway.kit import secrets
from opengateway.kit.clock import SystemClock
from opengateway.kit.framing import frame
from opengateway.kit.ids import IdSource
from opengateway.wires.openai_chat import OpenAIChatWire

Step = Callable[[], object]
WIRE = OpenAIChatWire()
CLOCK = SystemClock()
PEPPER = b"p" * 32
PLACES = ("north", "south", "west")
TEXT = " a word of an answer, and one"


# --- measuring ---------------------------------------------------------------------------------


def calibration() -> int:
    """A fixed mixture of what the hot path is made of: calls, look-ups, small objects, bytes."""
    table = {"model": 1, "messages": 2, "stream": 3}
    total = 0
    for name in ("model", "messages", "stream", "n"):
        total += table.get(name, len(name))
        table[name] = total
    line = b"%d: %b" % (total, b"data")
    return len(line) + len(f"{name}.{total}") + len([*table.values()])


def fastest_ns(step: Step, calls: int, repeats: int) -> float:
    """Nanoseconds of this thread's CPU time for one call: the best of many short runs, in which
    nobody was in the way."""
    best = float("inf")
    for _ in range(repeats):
        began = time.thread_time_ns()
        for _ in range(calls):
            step()
        best = min(best, (time.thread_time_ns() - began) / calls)
    return best


@contextmanager
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def ratio_of(make: Callable[[], Step], budget: float) -> float:
    """Calls of `calibration` that one call of the step is worth. Looked at again while it is over
    the budget: only what is always slow is slow."""
    unit = cost = float("inf")
    with no_collector():
        for _ in range(6):
            step = make()
            step()
            for _ in range(4):
                unit = min(unit, fastest_ns(calibration, 400, 6))
                cost = min(cost, fastest_ns(step, 100, 6))
            if cost / unit <= budget:
                break
    return cost / unit


# --- a small world -----------------------------------------------------------------------------


@cache
def snapshot() -> Snapshot:
    """100 models with three endpoints each, as `make bench` has it."""
    providers = {p: Provider(p, p, Wire.OPENAI, "http://p.test/v1", Profile()) for p in PLACES}
    models = [f"lab/model-{number}" for number in range(100)]
    return Snapshot(
        version="v1",
        zone="test",
        created_at_ns=0,
        providers=providers,
        models={name: model(name) for name in models},
        aliases={},
        routing=Routing(),
    )


def model(name: str) -> Model:
    rates = {Dimension.INPUT: 200, Dimension.OUTPUT: 600, Dimension.CACHE_READ: 20}
    endpoints = tuple(
        Endpoint(
            id=f"{place}/{name}",
            provider_id=place,
            upstream_model="upstream-model",
            context=131_072,
            max_output=16_384,
            price=PriceRow(f"{place}@2026-11-01#test", "2026-11-01", "test", rates),
        )
        for place in PLACES
    )
    return Model(
        id=name,
        name=name,
        owner="lab",
        kind=ModelKind.CHAT,
        created=0,
        context=131_072,
        max_output=16_384,
        input_modalities=("text",),
        output_modalities=("text",),
        capabilities=("tools",),
        endpoints=endpoints,
    )


def principal(number: int, digest: str = "00") -> Principal:
    return Principal(
        f"key_{number:032x}", "team_1", "k", KeyKind.INFERENCE, digest, 1, "og_live_...abcd", 0
    )


def body(stream: bool = False) -> bytes:
    """310 bytes, as a small request has."""
    messages = [
        {"role": "system", "content": "You answer in one short sentence."},
        {"role": "user", "content": "Why is the sky blue? " + "x" * 100},
    ]
    document = {"model": "lab/model-50", "temperature": 0.7, "max_tokens": 256, "stream": stream}
    return json.dumps({**document, "messages": messages}).encode()


def chat(stream: bool = False) -> ChatRequest:
    return DIALECT.decode(body(stream), {})


def answer() -> bytes:
    """567 bytes, as a small reply has."""
    message = {"role": "assistant", "content": "a" * 200, "refusal": None}
    return json.dumps(
        {
            "id": "chatcmpl-0123456789abcdef",
            "object": "chat.completion",
            "created": 1_764_000_000,
            "model": "upstream-model",
            "choices": [
                {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
            ],
            "usage": {"prompt_tokens": 40, "completion_tokens": 50, "total_tokens": 90},
        }
    ).encode()


def served() -> tuple[ExchangeState, Endpoint, Provider]:
    """A request that was answered, up to the moment before it is settled."""
    request, caller = chat(), principal(1)
    plan = plan_chat(request, caller, snapshot())
    winner = plan.candidates[0]
    arrival = Arrival("gen_" + "0" * 32, 1, 0.0, "chat.completions", {}, body(), None)
    state = ExchangeState(arrival, caller, request, plan)
    reply = WIRE.reply(answer(), request, winner.endpoint, winner.provider, winner.model.id)
    state.meter, state.winner, state.opened = reply.meter, winner, True
    return state, winner.endpoint, winner.provider


# --- the steps, each made anew for every look ---------------------------------------------------


def authenticate_a_key() -> Step:
    table = KeyTable({1: PEPPER}, CLOCK)
    known = [secrets.new_secret(secrets.INFERENCE_PREFIX, "test") for _ in range(64)]
    digests = [secrets.digest(secret, PEPPER).hex() for secret in known]
    others = [f"{number:064x}" for number in range(10_000)]
    table.replace(1, [principal(n, d) for n, d in enumerate([*digests, *others])])
    presented = cycle(known)
    return lambda: table.authenticate(next(presented))


def decode_a_body() -> Step:
    return partial(DIALECT.decode, body(), {"content-type": "application/json"})


def plan_the_endpoints() -> Step:
    return partial(plan_chat, chat(), principal(1), snapshot())


def map_the_request() -> Step:
    _, endpoint, provider = served()
    return partial(WIRE.request, chat(), endpoint, provider, "team_1")


def map_the_reply() -> Step:
    _, endpoint, provider = served()
    return partial(WIRE.reply, answer(), chat(), endpoint, provider, "lab/model-50")


def feed_an_event() -> Step:
    _, endpoint, provider = served()
    stream = WIRE.stream(chat(stream=True), endpoint, provider, "lab/model-50")

    def event(delta: Any) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": None}
        document = {
            "id": "chatcmpl-0123456789abcdef",
            "object": "chat.completion.chunk",
            "created": 1_764_000_000,
            "model": "upstream-model",
            "choices": [choice],
        }
        return f"data: {json.dumps(document)}\n\n".encode()

    stream.feed(event({"role": "assistant", "content": TEXT}))
    return partial(stream.feed, event({"content": TEXT}))


def hold_money() -> Step:
    _, endpoint, _ = served()
    return partial(hold_amount, chat(), endpoint)


def encode_both_records() -> Step:
    state, endpoint, _ = served()
    opened = OpenRecord(
        id=state.arrival.request_id,
        team_id="team_1",
        key_id="key_1",
        started_at_ns=1,
        model="lab/model-50",
        endpoint_id=endpoint.id,
        price_id=endpoint.price.id,
        hold_nanos=1,
        gateway="gw_1",
    )
    closed = close_record(state, endpoint)
    encode = msgspec.msgpack.Encoder().encode

    def both() -> int:
        return len(frame(encode(opened))) + len(frame(encode(closed)))

    return both


def close_record(state: ExchangeState, endpoint: Endpoint) -> CloseRecord:
    settlement = settle(Ending.COMPLETED, state.chat, endpoint, state.meter)
    origin = Origin("test", "gw_1", "v1", "openai_chat")
    return exchange_record(state, origin, Ending.COMPLETED, 200, settlement, None, 0.01)


def settle_and_record() -> Step:
    state, endpoint, _ = served()
    return partial(close_record, state, endpoint)


def present_an_error() -> Step:
    error = UpstreamError(ErrorClass.SERVER_ERROR, "the provider failed", upstream_status=500)

    def shown() -> bytes:
        return DIALECT.error_body(present(error, "gen_1"))

    return shown


def write_the_headers() -> Step:
    state, _, _ = served()
    services: Any = SimpleNamespace(zone="test", rates=None)
    route = SimpleNamespace(sticky="")
    told: Any = SimpleNamespace(services=services, state=state, route=route, elapsed_s=lambda: 0.01)
    return partial(json_head, told)


def make_an_id() -> Step:
    return partial(IdSource(CLOCK), "gen_")


@dataclass(frozen=True, slots=True)
class Budget:
    make: Callable[[], Step]
    ratio: float
    """Units of `calibration`: twice what was measured."""


BUDGETS = (
    Budget(authenticate_a_key, 9.4),
    Budget(decode_a_body, 13.4),
    Budget(plan_the_endpoints, 16),
    Budget(map_the_request, 8.6),
    Budget(map_the_reply, 38),
    Budget(feed_an_event, 10.2),
    Budget(hold_money, 4.9),
    Budget(encode_both_records, 4.6),
    Budget(settle_and_record, 11.8),
    Budget(present_an_error, 6.8),
    Budget(write_the_headers, 3.1),
    Budget(make_an_id, 4.5),
)


@pytest.mark.parametrize("budget", BUDGETS, ids=lambda b: b.make.__name__)
def test_a_step_of_the_hot_path_stays_within_its_budget(budget: Budget) -> None:
    ratio = ratio_of(budget.make, budget.ratio)
    print(f"{budget.make.__name__}: {ratio:.2f} of {budget.ratio} units")
    assert ratio <= budget.ratio, (
        f"{budget.make.__name__} takes {ratio:.1f} units, its budget is {budget.ratio};"
        " make it cheaper, or say in the budget's commit why it is worth that"
    )
