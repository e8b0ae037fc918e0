"""What a provider leaves out is counted before the record, or estimated; it holds nobody up."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace

from opengateway.domain.chat import KEPT_CHARACTERS, ChatRequest, Meter
from opengateway.domain.records import CloseRecord, Ending
from opengateway.domain.routing_rules import Routing
from opengateway.domain.usage import Dimension, Usage
from opengateway.gateway.counting import MAX_INPUT_BYTES
from opengateway.gateway.exchange import Exchange
from opengateway.gateway.resolve import plan_chat
from opengateway.gateway.state import ExchangeState
from opengateway.kit.json import Raw
from opengateway.ports.tokens import Texts
from unit.gateway.fakes import (
    PRINCIPAL,
    STALL,
    RecordingCaller,
    Script,
    ScriptedTransport,
    World,
    chat,
    endpoint,
    model,
    ok,
)

SILENT = ok("text:one two", "text: three", "finish:stop", "done")
"""An answer without usage."""


class WordCounter:
    """A tokenizer whose tokens are words. `never` lets the caller wait; `fails` counts nothing."""

    def __init__(self, *, never: bool = False, fails: bool = False) -> None:
        self.never = never
        self.fails = fails
        self.asked: list[tuple[Texts, str]] = []
        self.waiting = asyncio.Event()

    def count(self, texts: Sequence[str], encoding: str) -> int:
        return sum(len(text.split()) for text in texts)

    async def count_exact(self, read: Callable[[], Texts], encoding: str) -> tuple[int, ...] | None:
        self.waiting.set()
        if self.never:
            await asyncio.Event().wait()
        if self.fails:
            return None
        texts = read()
        self.asked.append((texts, encoding))
        return tuple(self.count(group, encoding) for group in texts)


def asking(*messages: object, stream: bool = False, **more: object) -> ChatRequest:
    fields = {"messages": list(messages) or [{"role": "user", "content": "say it now"}], **more}
    raw = {name: Raw(json.dumps(value).encode()) for name, value in fields.items()}
    return replace(chat(stream=stream), fields=raw)


async def serve(
    counter: WordCounter | None,
    request: ChatRequest,
    *,
    script: Script = SILENT,
    encoding: str = "words",
    caller: RecordingCaller | None = None,
    routing: Routing | None = None,
) -> tuple[CloseRecord, RecordingCaller]:
    world = World(
        [model("lab/m", endpoint("a", encoding=encoding, context=2_000_000))],
        ScriptedTransport(a=script),
        tokens=counter,
        routing=routing,
    )
    caller = caller or RecordingCaller()
    state = ExchangeState(
        world.arrival(), PRINCIPAL, request, plan_chat(request, PRINCIPAL, world.snapshot)
    )
    await asyncio.wait_for(Exchange(world.services, state, caller).run(), 3)
    (record,) = world.journal.closed
    assert world.purse.open_holds == {}
    assert world.bugs == []
    return record, caller


ESTIMATED = {"input_tokens": 10, "output_tokens": 4}
"""40 bytes and 13 characters at 4 bytes a token."""


@pytest.mark.parametrize("stream", [False, True])
async def test_tokens_are_counted_where_the_provider_says_nothing(stream: bool) -> None:
    record, caller = await serve(WordCounter(), asking(stream=stream))
    # The role, three words, 3 around the message, 3 before the answer.
    assert record.usage == {"input_tokens": 10, "output_tokens": 3}
    assert record.usage_estimated
    assert record.cost_nanos == 10 * 1 + 3 * 2
    assert record.ending is Ending.COMPLETED
    assert caller.body.endswith(b"END\n") == stream


async def test_the_end_marker_waits_for_the_count_and_the_record() -> None:
    counter = WordCounter()
    seen: list[tuple[bool, bool]] = []

    class Checking(RecordingCaller):
        async def write(self, body: bytes, *, last: bool) -> None:
            seen.append((bool(counter.asked), last))
            await super().write(body, last=last)

    await serve(counter, asking(stream=True), caller=Checking())
    assert seen[-1] == (True, True)
    assert not any(last for _, last in seen[:-1])


async def test_all_that_is_text_is_counted_and_nothing_else() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA BBBB"}}
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"a": 1}'}}
    tools = [{"type": "function", "function": {"name": "look"}}]
    spoken = ["user", "see", "Ann", "assistant", "look", '{"a": 1}', "tool", "seen", "c"]
    counter = WordCounter()
    await serve(
        counter,
        asking(
            {"role": "user", "name": "Ann", "content": [{"type": "text", "text": "see"}, picture]},
            {"role": "assistant", "content": None, "tool_calls": [call], "refusal": None},
            {"role": "tool", "tool_call_id": "c", "content": "seen"},
            tools=tools,
            temperature=0.5,
        ),
    )
    ((texts, encoding),) = counter.asked
    assert encoding == "words"
    assert texts == (
        [*spoken, json.dumps(tools)],
        ["one two three"],
    )


async def test_items_of_responses_are_read() -> None:
    counter = WordCounter()
    form = {"format": {"type": "json_schema", "name": "n", "schema": {}}}
    await serve(
        counter,
        asking(
            {"role": "user", "content": [{"type": "input_text", "text": "see"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "not this"}]},
            {"type": "function_call", "call_id": "c", "name": "look", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "seen"},
            {"type": "custom_tool_call", "call_id": "d", "name": "run", "input": "ls"},
            {"type": "custom_tool_call_output", "call_id": "d", "output": [{"text": "a b"}]},
            text=form,
        ),
    )
    (((texts, _), _),) = counter.asked
    spoken = ["user", "see", "look", "{}", "seen", "run", "ls", "a b"]
    assert texts == [*spoken, '{"type":"json_schema","name":"n","schema":{}}']


async def test_blocks_of_messages_are_read() -> None:
    counter = WordCounter()
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "4"}]}
    await serve(
        counter,
        asking(
            {"role": "user", "content": "count"},
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "not this", "signature": "s"},
                    {"type": "tool_use", "id": "t", "name": "add", "input": {"a": 2}},
                ],
            },
            {"role": "user", "content": [result, {"type": "text", "text": "well"}]},
            system=[{"type": "text", "text": "be brief"}],
        ),
    )
    (((texts, _), _),) = counter.asked
    said = ["user", "count", "assistant", "add", '{"a":2}', "user", "4", "well"]
    assert texts == ["be brief", *said]


async def test_what_the_provider_says_is_not_counted_again() -> None:
    counter = WordCounter()
    told = ok("text:one", "usage:7", "finish:stop", "done")
    record, _ = await serve(counter, asking(), script=told)
    assert not counter.waiting.is_set()
    assert (record.usage["output_tokens"], record.usage_estimated) == (7, False)


@pytest.mark.parametrize(
    ("counter", "encoding", "input_bytes"),
    [
        (WordCounter(fails=True), "words", 40),
        (WordCounter(), "", 40),
        (None, "words", 40),
        (WordCounter(), "words", MAX_INPUT_BYTES + 1),
    ],
    ids=["it fails", "no tokenizer", "no counter", "too much"],
)
async def test_what_cannot_be_counted_is_estimated_by_ratio(
    counter: WordCounter | None, encoding: str, input_bytes: int
) -> None:
    request = replace(asking(stream=True), input_bytes=input_bytes)
    record, caller = await serve(counter, request, encoding=encoding)
    assert record.usage == {**ESTIMATED, "input_tokens": -(-input_bytes // 4)}
    assert record.usage_estimated
    assert caller.body.endswith(b"END\n")


async def test_a_caller_who_leaves_while_it_is_counted_is_recorded_as_gone() -> None:
    counter = WordCounter(never=True)
    caller = RecordingCaller()

    async def leave() -> None:
        await counter.waiting.wait()
        caller.leave()

    leaving = asyncio.ensure_future(leave())
    record, _ = await serve(counter, asking(stream=True), caller=caller)
    await leaving
    assert record.ending is Ending.CLIENT_GONE
    assert record.usage == ESTIMATED
    assert not caller.ended


@pytest.mark.parametrize("stream", [False, True])
async def test_a_clock_that_rings_while_it_is_counted_spoils_no_whole_answer(stream: bool) -> None:
    clocks = Routing(first_token_stream_s=0.05, first_token_unary_s=0.05, idle_s=0.05)
    record, caller = await serve(WordCounter(never=True), asking(stream=stream), routing=clocks)
    assert record.ending is Ending.COMPLETED
    assert record.usage == ESTIMATED
    assert caller.body.endswith(b"END\n") == stream


async def test_a_stream_that_breaks_is_not_counted() -> None:
    counter = WordCounter()
    broken = Script(chunks=[b"text:one\n", STALL], headers={"content-type": "text/event-stream"})
    record, _ = await serve(
        counter, asking(stream=True), script=broken, routing=Routing(idle_s=0.05)
    )
    assert record.ending is Ending.UPSTREAM_BROKE
    assert not counter.waiting.is_set()


def test_a_meter_keeps_what_was_handed_on_until_usage_is_known_and_within_its_bound() -> None:
    meter = Meter()
    for piece in ("ab", "é", "한"):
        meter.hand_on(piece)
    assert meter.kept is not None
    assert (meter.kept.getvalue(), meter.characters, meter.has_content) == ("abé한", 4, True)
    meter.usage = Usage({Dimension.OUTPUT: 1})
    meter.hand_on("more")
    assert meter.kept is None

    full = Meter()
    full.hand_on("x" * KEPT_CHARACTERS)
    assert full.kept is not None
    full.hand_on("x")
    assert full.kept is None, "whole, or not at all"
    assert full.characters == KEPT_CHARACTERS + 1
