"""Holds, refusals and estimates of the operations beside chat."""

from __future__ import annotations

from typing import Any

import pytest

from opengateway.domain.catalog import CredentialOwner, Endpoint
from opengateway.domain.chat import ChatRequest, Meter
from opengateway.domain.operations import Operation
from opengateway.domain.records import Ending
from opengateway.domain.routing import Plan
from opengateway.domain.usage import Dimension, Usage
from opengateway.gateway.pricing import affordable_output, hold_amount, may_be_unpriced, unpriced
from opengateway.gateway.settlement import settle
from operation_wire import asked, endpoint, form, provider

O, D = Operation, Dimension
USD = 10**9
PER_MILLION = 10**15
"""A rate of one dollar a unit."""


def held(chat: ChatRequest, at: Endpoint) -> int:
    return hold_amount(chat, at, provider())


def test_text_is_held_by_its_bytes_and_tokens_by_their_number() -> None:
    at = endpoint({D.INPUT: 10**9}, hold_tokens_per_byte=0.5)
    assert held(asked(O.EMBEDDINGS, input="x" * 1000), at) == 500_000
    assert held(asked(O.EMBEDDINGS, input=[1] * 1000), at) == 1_000_000
    assert held(asked(O.EMBEDDINGS, input=["x" * 9000] * 20), at) == 90_000_000, (
        "no context caps it"
    )


def test_images_are_held_by_number_or_by_their_largest_size() -> None:
    chat = asked(O.IMAGES, prompt="a cat", n=3)
    assert held(chat, endpoint({D.IMAGES: 40_000 * USD})) == 3 * 40_000_000
    by_tokens = endpoint({D.INPUT: 0, D.IMAGE_OUTPUT: 40 * USD})
    assert held(chat, by_tokens) == 3 * 6240 * 40_000


def test_speech_is_held_by_its_characters_exactly() -> None:
    chat = asked(O.SPEECH, input="가나다", voice="v")
    assert held(chat, endpoint({D.CHARACTERS: 15 * USD})) == 3 * 15_000


def test_sound_is_held_by_the_least_bytes_of_a_second() -> None:
    chat = form(data=b"x" * 5000)
    assert held(chat, endpoint({D.SECONDS: 100 * USD})) == 10 * 100_000
    at = endpoint({D.INPUT: 0, D.AUDIO_INPUT: 6 * USD, D.OUTPUT: 10 * USD}, max_output=100)
    assert held(chat, at) == 10 * 50 * 6000 + 100 * 10_000


def test_rerank_is_held_by_search_units_or_by_tokens() -> None:
    chat = asked(O.RERANK, query="q" * 10, documents=["d" * 90] * 150)
    assert held(chat, endpoint({D.REQUESTS: 2000 * USD}, hold_tokens_per_byte=1.0)) == 2 * 2_000_000
    assert held(chat, endpoint({D.INPUT: USD}, hold_tokens_per_byte=1.0)) == 150 * 100 * 1000


def test_a_streamed_completion_holds_a_first_part_only() -> None:
    at = endpoint({D.INPUT: 0, D.OUTPUT: USD}, max_output=100_000)
    whole = asked(O.COMPLETIONS, prompt="p", max_tokens=10_000)
    streamed = asked(O.COMPLETIONS, prompt="p", max_tokens=10_000, stream=True)
    assert held(whole, at) == 10_000 * 1000
    assert held(streamed, at) == 4096 * 1000


def test_the_fee_is_on_top_and_alone_where_the_team_pays_the_provider() -> None:
    chat = asked(O.IMAGES, prompt="a", n=1)
    at = endpoint({D.IMAGES: PER_MILLION}, fee_ppm=50_000, own_key_fee_ppm=10_000)
    assert held(chat, at) == 1_050_000_000
    assert hold_amount(chat, at, provider(), CredentialOwner.TEAM) == 10_000_000


@pytest.mark.parametrize(
    ("chat", "rates", "word"),
    [
        (asked(O.IMAGES, prompt="p"), {D.INPUT: 1}, "images"),
        (asked(O.SPEECH, input="x", voice="v"), {D.INPUT: 1}, "characters"),
        (form(), {D.OUTPUT: 1}, "seconds"),
        (asked(O.EMBEDDINGS, input="x"), {D.OUTPUT: 1}, "input_tokens"),
        (asked(O.COMPLETIONS, prompt="x"), {D.INPUT: 1}, "output"),
    ],
)
def test_what_has_no_price_is_refused_before_it_is_sent(
    chat: ChatRequest, rates: dict[Dimension, int], word: str
) -> None:
    assert may_be_unpriced(chat, Plan((), "v"))
    told = unpriced(chat, endpoint(rates), provider())
    assert told is not None
    assert word in told


def test_a_price_of_nothing_is_a_price() -> None:
    assert unpriced(asked(O.MODERATIONS, input="x"), endpoint({D.INPUT: 0}), provider()) is None


@pytest.mark.parametrize(
    ("chat", "rates", "quantities"),
    [
        (asked(O.EMBEDDINGS, input="x" * 40), {D.INPUT: 1}, {D.INPUT: 10}),
        (form(data=b"x" * 80_000), {D.SECONDS: 1}, {D.SECONDS: 10}),
        (asked(O.SPEECH, input="abc", voice="v"), {D.CHARACTERS: 1}, {D.CHARACTERS: 3}),
        (asked(O.RERANK, query="q", documents=["a"]), {D.REQUESTS: 1}, {D.REQUESTS: 1}),
    ],
)
def test_what_the_vendor_leaves_out_is_estimated_and_flagged(
    chat: ChatRequest, rates: dict[Dimension, int], quantities: dict[Dimension, Any]
) -> None:
    made = settle(Ending.COMPLETED, chat, endpoint(rates), Meter(has_content=True))
    assert made.usage == Usage(quantities, estimated=True)


def test_no_hold_is_below_what_a_usual_answer_costs() -> None:
    at = endpoint({D.SECONDS: 100 * USD})
    chat = form(data=b"x" * 80_000)
    cost = settle(Ending.COMPLETED, chat, at, Meter(has_content=True)).charged
    assert held(chat, at) >= cost


def test_a_402_names_no_limit_that_the_request_does_not_have() -> None:
    assert affordable_output(asked(O.IMAGES, prompt="p"), endpoint({D.IMAGES: 1}), USD) == 0
