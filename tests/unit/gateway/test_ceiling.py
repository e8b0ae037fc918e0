"""One endpoint that none of a plan's candidates exceeds: what is held covers whichever serves."""

from __future__ import annotations

import json

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from opengateway.dialects.openai_chat import DIALECT
from opengateway.domain.catalog import Endpoint, Profile, Provider, Wire
from opengateway.domain.chat import ChatRequest
from opengateway.domain.routing import Candidate, Plan
from opengateway.domain.usage import Dimension, PriceRow
from opengateway.gateway.ceiling import Ceilings, dearest
from unit.gateway.fakes import model

DIMENSIONS = (
    Dimension.INPUT,
    Dimension.CACHE_READ,
    Dimension.CACHE_WRITE,
    Dimension.OUTPUT,
    Dimension.REASONING,
    Dimension.REQUESTS,
)
ENDPOINT = Endpoint(
    "e",
    "p",
    "m",
    100_000,
    8_000,
    PriceRow("r", "2026-01-01", "t", {Dimension.INPUT: 200, Dimension.OUTPUT: 600}),
)
endpoints = st.builds(
    Endpoint,
    id=st.just("e"),
    provider_id=st.just("p"),
    upstream_model=st.just("m"),
    context=st.integers(1_000, 200_000),
    max_output=st.none() | st.integers(1, 200_000),
    price=st.builds(
        PriceRow,
        id=st.just("r"),
        effective_from=st.just("2026-01-01"),
        source=st.just("t"),
        rates=st.dictionaries(st.sampled_from(DIMENSIONS), st.integers(0, 10**11)),
    ),
    hold_tokens_per_byte=st.floats(0.1, 1.5),
    hold_tokens_per_byte_beyond=st.none() | st.floats(0.05, 0.1),
    image_tokens=st.integers(0, 10_000),
    fee_ppm=st.integers(0, 100_000),
)
candidates = st.builds(
    lambda endpoint, wire: Candidate(
        model("lab/m"), endpoint, Provider("p", "p", wire, "http://p/v1", Profile()), None, 0
    ),
    endpoints,
    st.sampled_from([Wire.OPENAI, Wire.ANTHROPIC]),
)


def chat(size: int, stream: bool, most: int | None, effort: str | None) -> ChatRequest:
    document: dict[str, object] = {
        "model": "lab/m",
        "stream": stream,
        "messages": [{"role": "user", "content": "word " * size}],
    }
    if most is not None:
        document["max_tokens"] = most
    if effort is not None:
        document["reasoning_effort"] = effort
    return DIALECT.decode(json.dumps(document).encode(), {})


chats = st.builds(
    chat,
    st.sampled_from([1, 100, 8_000]),
    st.booleans(),
    st.none() | st.integers(1, 300_000),
    st.sampled_from([None, "low", "high"]),
)


@given(st.lists(candidates, min_size=1, max_size=5), chats, st.integers(1, 5))
def test_no_candidate_needs_more_than_is_held(
    found: list[Candidate], asked: ChatRequest, attempts: int
) -> None:
    plan = Plan(tuple(found), "v1")
    ceilings = Ceilings()
    first = ceilings.hold_amount(asked, plan, attempts)
    assert first >= dearest(asked, plan, attempts)[0]
    assert ceilings.hold_amount(asked, plan, attempts) == first


def test_one_candidate_is_its_own_ceiling() -> None:
    one = Candidate(
        model("lab/m"),
        ENDPOINT,
        Provider("p", "p", Wire.OPENAI, "http://p/v1", Profile()),
        None,
        0,
    )
    asked = chat(10, False, 100, None)
    plan = Plan((one,), "v1")
    assert Ceilings().hold_amount(asked, plan, 4) == dearest(asked, plan, 4)[0]


def test_another_plan_is_not_taken_for_one_that_was_seen() -> None:
    cheap = ENDPOINT
    rates = {Dimension.INPUT: 10**9, Dimension.OUTPUT: 10**9}
    price = msgspec.structs.replace(cheap.price, rates=rates)
    dear = msgspec.structs.replace(cheap, price=price)
    provider = Provider("p", "p", Wire.OPENAI, "http://p/v1", Profile())
    asked, ceilings = chat(10, False, 100, None), Ceilings()
    seen = []
    for endpoint in (cheap, dear) * 50:
        plan = Plan((Candidate(model("lab/m"), endpoint, provider, None, 0),), "v1")
        seen.append(ceilings.hold_amount(asked, plan, 4) == dearest(asked, plan, 4)[0])
    assert all(seen)
