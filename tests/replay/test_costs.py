"""What each recorded answer costs, against a calculation that shares nothing with the product.

The independent side reads the case's own digest of what the provider said (`expect.usage`) and the
catalogue's files as text, and reckons in fractions. Where the catalogue does not know the recorded
model, the case is priced with a row that names every kind.
"""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec
import pytest

from opengateway.catalog.config import ModelConfig, PriceConfig
from opengateway.catalog.loader import load_catalogue
from opengateway.catalog.pricing import price_row
from opengateway.checks.recorded_case import RecordedCase, read_cases
from opengateway.checks.replay import endpoint_for, provider_of
from opengateway.checks.replay_generate_content import played as played_generate_content
from opengateway.checks.replay_messages import played as played_messages
from opengateway.dialects.openai_chat import decode
from opengateway.domain.catalog import Endpoint
from opengateway.domain.chat import ChatFacts, ChatRequest, Meter
from opengateway.domain.errors import InvalidRequest, NotFound
from opengateway.domain.events import Event, UsageReport
from opengateway.domain.records import Ending
from opengateway.domain.usage import Usage
from opengateway.gateway.settlement import settle
from opengateway.wires.openai_chat import OpenAIChatWire
from recordings import RECORDINGS, needs_recordings

WIRE = OpenAIChatWire()
CHAT = "chat.completions"
GEMINI = ("generateContent", "streamGenerateContent")
EVERY_KIND = {
    "input": "0.123456789",
    "output": "7.77",
    "cache_read": "0.0123",
    "cache_write": "0.15432",
    "cache_write_1h": "0.246",
    "reasoning": "8.88",
    "audio_input": "1.5",
    "audio_output": "9.5",
}
STAND_INS = {"reasoning": "output", "cache_read": "input", "cache_write": "input"}


@cache
def cases() -> Mapping[str, RecordedCase]:
    if not RECORDINGS.is_dir():
        return {}
    return {
        case.case_id: case
        for case in read_cases(RECORDINGS)
        if case.endpoint in (CHAT, "messages", *GEMINI)
        and case.status < 300
        and (case.expect or {}).get("usage")
        and "stream_error" not in (case.expect or {})
    }


# --- the independent side ------------------------------------------------------------------------------
@cache
def price_texts() -> Mapping[str, list[dict[str, Any]]]:
    """What the catalogue's files say of prices, by the provider's name of the model."""
    found: dict[str, list[dict[str, Any]]] = {}
    places = files("opengateway.catalog").joinpath("models").iterdir()
    for place in sorted(places, key=lambda place: place.name):
        if place.name.endswith(".toml"):
            for model in tomllib.loads(place.read_text("utf-8"))["models"].values():
                for endpoint in model.get("endpoints", ()):
                    prices = [endpoint["price"], endpoint.get("price_other")]
                    found.setdefault(
                        endpoint["upstream_model"], [p for p in prices if p is not None]
                    )
    return found


def texts_for(case: RecordedCase) -> list[dict[str, Any]]:
    return price_texts().get(case.model, [EVERY_KIND])


def dollars(price: Mapping[str, Any], kind: str) -> Fraction:
    text = price.get(kind) or price.get(STAND_INS.get(kind, ""), None)
    return Fraction(text) if text is not None else Fraction(0)


def nanos(prices: list[dict[str, Any]], kind: str, quantity: int) -> int:
    """The higher of the sources' prices, a million units' in dollars; rounded up once."""
    price = max(dollars(one, kind) for one in prices)
    return math.ceil(price * 1_000_000_000 * quantity / 1_000_000)


def told_of(case: RecordedCase) -> dict[str, int]:
    """The digest, and beside it two facts that it leaves out: Mistral's own member for what was
    read from a cache, and Anthropic's passes that compacted the conversation, billed as well."""
    told = {name: int(count or 0) for name, count in (case.expect or {})["usage"].items()}
    cached = re.findall(rb'"num_cached_tokens": ?(\d+)', case.response)
    if "cache_read" not in told and cached:
        told["cache_read"] = int(cached[-1])
    for passes in re.findall(rb'"iterations": ?(\[.*?\])', case.response)[-1:]:
        for one in json.loads(passes):
            if one["type"] == "compaction":
                read, written = one["cache_read_input_tokens"], one["cache_creation_input_tokens"]
                told["input"] += one["input_tokens"] + read + written
                told["cache_read"] += read
                told["cache_write"] += written
                told["output"] += one["output_tokens"]
    return told


def independent_cost(case: RecordedCase) -> int:
    told = told_of(case)
    prices = texts_for(case)
    read, written = told.get("cache_read", 0), told.get("cache_write", 0)
    hour = told.get("cache_write_1h", 0)
    output = told.get("output", 0)
    thought = min(told.get("reasoning", 0), output)
    return sum(
        (
            nanos(prices, "input", told["input"] - read - written),
            nanos(prices, "cache_read", read),
            nanos(prices, "cache_write", written - hour),
            nanos(prices, "cache_write_1h", hour),
            nanos(prices, "output", output - thought),
            nanos(prices, "reasoning", thought),
        )
    )


# --- the product's side -------------------------------------------------------------------------------
def endpoint_of(case: RecordedCase) -> Endpoint:
    base = endpoint_for(provider_of(case.provider), case.model)
    for model in load_catalogue().models.values():
        for endpoint in model.endpoints:
            # What the clouds' own files add is named alike at other makers' places.
            if endpoint.upstream_model == case.model and case.model in price_texts():
                row = price_row(base.id, endpoint.price, endpoint.price_other)
                return msgspec.structs.replace(base, price=row)
    return msgspec.structs.replace(base, price=price_row(base.id, PriceConfig(**EVERY_KIND)))


def usage_in(events: list[Event]) -> Usage | None:
    """The last word on usage."""
    reports = [e.usage for e in events if isinstance(e, UsageReport)]
    return reports[-1] if reports else None


def request_of(case: RecordedCase) -> ChatRequest:
    try:
        return decode(case.request, {})
    except (InvalidRequest, NotFound):
        return ChatRequest(
            model=case.model,
            stream=case.stream,
            include_usage=False,
            fields={},
            facts=ChatFacts(),
            input_bytes=0,
        )


def metered(case: RecordedCase, endpoint: Endpoint) -> tuple[ChatRequest, Meter]:
    if case.endpoint != CHAT:
        play = played_messages if case.endpoint == "messages" else played_generate_content
        usage = usage_in(list(play(case)))
        return request_of(case), Meter(usage=usage, has_content=True)
    chat, provider = request_of(case), provider_of(case.provider)
    if not chat.stream:
        return chat, WIRE.reply(case.response, chat, endpoint, provider, "m").meter
    stream = WIRE.stream(chat, endpoint, provider, "m")
    stream.feed(case.response)
    stream.end()
    return chat, stream.meter


@needs_recordings
@pytest.mark.parametrize("case_id", sorted(cases()) or ["none"])
def test_a_recorded_answer_costs_what_an_independent_calculation_says(case_id: str) -> None:
    case = cases()[case_id]
    endpoint = endpoint_of(case)
    chat, meter = metered(case, endpoint)
    found = settle(Ending.COMPLETED, chat, endpoint, meter)
    assert not found.unpriced
    assert found.cost.total == independent_cost(case)
    assert found.provider_cost == found.cost.total
    assert not found.usage.estimated


@needs_recordings
def test_many_cases_are_priced_and_by_rows_of_the_catalogue() -> None:
    by_catalogue = [c for c in cases().values() if c.model in price_texts()]
    assert len(cases()) >= 150
    assert len(by_catalogue) >= 40
    assert isinstance(load_catalogue().models["openai/gpt-4o"], ModelConfig)
