"""Thoughts within the text: out of it, wherever the text is cut, and only where they begin it."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import msgspec
import pytest

from opengateway.checks.caller_view import see_reply, see_stream
from opengateway.checks.replay import endpoint_for, provider_of
from opengateway.dialects.openai_chat import decode
from opengateway.domain.chat import ChatRequest
from opengateway.domain.records import Ending
from opengateway.domain.usage import Dimension
from opengateway.gateway.settlement import settle
from opengateway.wires.openai_chat import OpenAIChatWire
from opengateway.wires.openai_chat.inline_thoughts import InlineThoughts

PERPLEXITY = provider_of("perplexity")
MODEL = "lab/m"
ENDPOINT = endpoint_for(PERPLEXITY, "sonar-reasoning-pro")
WIRE = OpenAIChatWire()
TEXTS = [
    ("<think>\nIt is so.\nOr not.\n</think>\n\nYes.", "It is so.\nOr not.", "Yes."),
    ("<think>a</think>b", "a", "b"),
    (" \n<think>a < b</think>\nb</think>", "a < b", "b</think>"),
    ("<think></think>b", "", "b"),
    ("plain <think>a</think>", "", "plain <think>a</think>"),
    ("<thin", "", "<thin"),
    ("<b>bold</b>", "", "<b>bold</b>"),
    ("<think>cut off </th", "cut off </th", ""),
    ("", "", ""),
]


def joined(pieces: list[str]) -> tuple[str, str]:
    thoughts = InlineThoughts()
    told = [thoughts.split(piece) for piece in pieces] + [thoughts.rest()]
    return "".join(thought for thought, _ in told), "".join(text for _, text in told)


@pytest.mark.parametrize(("said", "thought", "text"), TEXTS)
def test_a_text_cut_in_three_anywhere_says_the_same(said: str, thought: str, text: str) -> None:
    for first, second in combinations(range(len(said) + 1), 2):
        pieces = [said[:first], said[first:second], said[second:]]
        assert joined(pieces) == (thought, text), pieces
    assert joined(list(said)) == (thought, text)


def asked(*, stream: bool) -> ChatRequest:
    body = {"model": MODEL, "messages": [{"role": "user", "content": "q"}], "stream": stream}
    return decode(json.dumps(body).encode(), {})


USAGE = {
    "prompt_tokens": 33,
    "completion_tokens": 7163,
    "total_tokens": 7196,
    "reasoning_tokens": 73_997,
}


def told(**choice: Any) -> dict[str, Any]:
    made = {"index": 0, "finish_reason": None, **choice}
    return {"id": "a", "object": "x", "created": 1, "model": "m", "choices": [made]}


def test_callers_see_the_thoughts_as_such_whole_and_streamed() -> None:
    said = "<think>\nHm.\n</think>\n\nYes, " + "indeed. " * 3
    message = {"role": "assistant", "content": said}
    whole = {**told(message=message, finish_reason="stop"), "usage": USAGE}
    reply = WIRE.reply(json.dumps(whole).encode(), asked(stream=False), ENDPOINT, PERPLEXITY, MODEL)
    pieces = [said[at : at + 5] for at in range(0, len(said), 5)]
    chunks = [told(delta={"content": piece}) for piece in pieces]
    chunks.append(told(delta={"content": ""}, finish_reason="stop") | {"usage": USAGE})
    stream = WIRE.stream(asked(stream=True), ENDPOINT, PERPLEXITY, MODEL)
    frames = b"".join(stream.feed(b"data: %b\n\n" % json.dumps(chunk).encode()) for chunk in chunks)
    frames += stream.feed(b"data: [DONE]\n\n") + stream.end()
    for seen in (see_reply(reply.body, MODEL), see_stream(frames, MODEL, include_usage=False)):
        assert seen.faults == []
        assert seen.first().reasoning == "Hm."
        assert seen.first().text == "Yes, " + "indeed. " * 3


def test_thoughts_are_billed_beside_the_completion_and_a_request_once() -> None:
    """Perplexity's own example of deep research, reckoned by hand from its price list."""
    message = {"role": "assistant", "content": "Yes."}
    whole = {**told(message=message, finish_reason="stop"), "usage": USAGE}
    reply = WIRE.reply(json.dumps(whole).encode(), asked(stream=False), ENDPOINT, PERPLEXITY, MODEL)
    usage = reply.meter.usage
    assert usage is not None
    assert usage.quantities == {
        Dimension.INPUT: 33,
        Dimension.OUTPUT: 7163,
        Dimension.REASONING: 73_997,
    }
    prices = {"INPUT": "2", "OUTPUT": "8", "REASONING": "3", "REQUESTS": "5000"}
    rates = {Dimension[name]: int(rate) * 1_000_000_000 for name, rate in prices.items()}
    price = msgspec.structs.replace(ENDPOINT.price, rates=rates)
    endpoint = msgspec.structs.replace(ENDPOINT, price=price)
    found = settle(Ending.COMPLETED, asked(stream=False), endpoint, reply.meter)
    by_hand = (33 * 2 + 7163 * 8 + 73_997 * 3) * 1000 + 5_000_000  # nano-dollars
    assert found.cost.total == by_hand == 284_361_000
