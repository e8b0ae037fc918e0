"""Thoughts that plain callers drop come back to the model that had them, and to nobody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from dataclasses import replace as changed
from typing import Any

import pytest
from msgspec.structs import replace

from opengateway.compose.wires import chat_wires
from opengateway.dialects.openai_chat.dialect import OpenAIChatDialect
from opengateway.domain.catalog import Profile, Wire
from opengateway.domain.chat import ProviderPreferences
from opengateway.domain.errors import CapacityError
from opengateway.domain.events import (
    End,
    Event,
    Finish,
    ReasoningDelta,
    ReasoningSeal,
    Start,
    TextDelta,
    ToolArguments,
    ToolStart,
)
from opengateway.domain.model_rules import ModelRule
from opengateway.gateway.keepsakes import KEPT_S, Keepsakes
from opengateway.gateway.pipeline import serve_chat
from opengateway.gateway.remembering import MAX_CHARACTERS
from opengateway.gateway.translation import Guard
from opengateway.infra.response_store.memory import MemoryResponseStore
from opengateway.infra.secret_box import AesSecretBox
from opengateway.kit.clock import ManualClock
from opengateway.ports.transport import UpstreamRequest
from unit.gateway.fakes import (
    PRINCIPAL,
    RecordingCaller,
    Script,
    ScriptedResponse,
    ScriptedTransport,
    World,
    endpoint,
    model,
)

Json = dict[str, Any]
OTHERS = replace(PRINCIPAL, team_id="team_2")
JSON = {"content-type": "application/json"}
THOUGHT = {"type": "thinking", "thinking": "It is asked where.", "signature": "c2lnbmVk"}
HIDDEN = {"type": "redacted_thinking", "data": "aGlkZGVu"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"at": "sky"}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object"}}}
USER = {"role": "user", "content": "What is above?"}
CLAUDE = Profile(
    models=(ModelRule(prefix="", reasoning="asked", thinking_as="budget", min_budget=1024),)
)


def said(*content: Json) -> Json:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": list(content),
        "stop_reason": "tool_use" if USE in content else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 5, "output_tokens": 7},
    }


def whole(*content: Json) -> Script:
    return Script(chunks=[json.dumps(said(*content)).encode()], headers=JSON)


def streamed(*content: Json) -> Script:
    told: list[Json] = [{"type": "message_start", "message": {**said(*content), "content": []}}]
    for at, block in enumerate(content):
        opened = {**block, "thinking": "", "signature": ""} if block is THOUGHT else block
        opened = {**block, "input": {}} if block is USE else opened
        told.append({"type": "content_block_start", "index": at, "content_block": opened})
        deltas: list[Json] = []
        if block is THOUGHT:
            deltas = [
                {"type": "thinking_delta", "thinking": block["thinking"]},
                {"type": "signature_delta", "signature": block["signature"]},
            ]
        elif block is USE:
            text = json.dumps(block["input"])
            deltas = [{"type": "input_json_delta", "partial_json": text}]
        told += [{"type": "content_block_delta", "index": at, "delta": one} for one in deltas]
        told.append({"type": "content_block_stop", "index": at})
    stop = {"stop_reason": "tool_use", "stop_sequence": None}
    told.append({"type": "message_delta", "delta": stop, "usage": {"output_tokens": 7}})
    told.append({"type": "message_stop"})
    frames = [f"event: {e['type']}\ndata: {json.dumps(e)}\n\n".encode() for e in told]
    return Script(chunks=frames, headers={"content-type": "text/event-stream"})


class Listening(ScriptedTransport):
    def __init__(self, **scripts: Script | list[Script]) -> None:
        super().__init__(**scripts)
        self.bodies: list[Json] = []

    async def send(self, request: UpstreamRequest) -> ScriptedResponse:
        self.bodies.append(json.loads(request.body))
        return await super().send(request)


class House:
    def __init__(self, *scripts: Script, store: MemoryResponseStore | None = None) -> None:
        self.clock = ManualClock()
        self.transport = Listening(a=list(scripts))
        place = replace(endpoint("a", context=100_000), max_output=8192, reasoning=True)
        world = World([model("lab/m", place)], self.transport)
        shot = world.snapshot
        claude = replace(shot.providers["a"], wire=Wire.ANTHROPIC, profile=CLAUDE)
        world.snapshot = replace(shot, providers={"a": claude})
        self.store = store if store is not None else MemoryResponseStore(self.clock, kept_s=KEPT_S)
        self.keepsakes = Keepsakes(self.store, AesSecretBox({1: b"k" * 32}))
        services = world.services
        self.services = changed(
            services,
            wires=chat_wires(services.clock, services.new_id),
            chat_dialect=OpenAIChatDialect(),
            keepsakes=self.keepsakes,
        )
        self.world = world

    async def ask(
        self, *messages: Json, principal: Any = PRINCIPAL, **members: Any
    ) -> tuple[RecordingCaller, Json]:
        """The caller, and what went upstream."""
        body = {
            "model": "lab/m",
            "messages": [USER, *messages],
            "tools": [TOOL],
            "reasoning_effort": "low",
            "max_tokens": 5000,
            **members,
        }
        caller = RecordingCaller()
        arrival = replace(self.world.arrival(), body=json.dumps(body).encode())
        await asyncio.wait_for(serve_chat(self.services, arrival, principal, caller), 3)
        assert self.world.bugs == []
        assert caller.status == 200, caller.body
        return caller, self.transport.bodies[-1]


CALL = {
    "id": "toolu_1",
    "type": "function",
    "function": {"name": "look", "arguments": '{"at": "sky"}'},
}
"""What a plain client sends back: no thoughts, and the arguments in its own spelling."""
LOOP = (
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "tool_call_id": "toolu_1", "content": "stars"},
)
END = whole({"type": "text", "text": "Stars."})


def blocks_of(sent: Json) -> Sequence[Json]:
    answers = [message for message in sent["messages"] if message["role"] == "assistant"]
    content: Sequence[Json] = answers[-1]["content"]
    return content


@pytest.mark.parametrize("make", [whole, streamed])
async def test_a_plain_caller_s_loop_keeps_its_thoughts(make: Any) -> None:
    house = House(make(HIDDEN, THOUGHT, USE), END)
    await house.ask(stream=make is streamed)
    _, sent = await house.ask(*LOOP)
    assert list(blocks_of(sent))[:2] == [HIDDEN, THOUGHT]
    assert sent["thinking"]["type"] == "enabled", "the model goes on thinking"
    assert len(house.store) == 1


async def test_what_is_kept_is_sealed() -> None:
    house = House(whole(THOUGHT, USE), END)
    await house.ask()
    ((_, value),) = house.store._kept.values()
    assert b"asked" not in value
    assert b"c2lnbmVk" not in value


async def test_a_caller_who_carries_thoughts_is_believed() -> None:
    house = House(whole(THOUGHT, USE), END)
    await house.ask()
    mine = [{"type": "reasoning.text", "text": "Mine.", "signature": "bWluZQ==", "index": 0}]
    told = {**LOOP[0], "reasoning_details": [{**mine[0], "format": "anthropic-claude-v1"}]}
    _, sent = await house.ask(told, LOOP[1])
    assert blocks_of(sent)[0]["thinking"] == "Mine."


async def test_they_are_the_team_s_own() -> None:
    house = House(whole(THOUGHT, USE), END)
    await house.ask()
    _, sent = await house.ask(*LOOP, principal=OTHERS)
    assert [block["type"] for block in blocks_of(sent)] == ["tool_use"]


async def test_an_hour_later_they_are_gone() -> None:
    house = House(whole(THOUGHT, USE), END)
    await house.ask()
    house.clock.advance(KEPT_S + 1)
    _, sent = await house.ask(*LOOP)
    assert [block["type"] for block in blocks_of(sent)] == ["tool_use"]
    assert "thinking" not in sent, "no signed thought, no more thinking in this loop"


async def test_nothing_is_kept_without_calls_or_of_what_must_not_be_kept() -> None:
    house = House(whole(THOUGHT, {"type": "text", "text": "Hi."}), whole(THOUGHT, USE))
    await house.ask()
    await house.ask(provider={"zdr": False})
    assert len(house.store) == 1
    other = House(whole(THOUGHT, USE))
    snapshot = other.world.snapshot
    secretive = replace(snapshot.providers["a"], zdr=True, collects_data=False)
    other.world.snapshot = replace(snapshot, providers={"a": secretive})
    await other.ask(provider={"zdr": True})
    assert len(other.store) == 0
    assert ProviderPreferences().zdr is False


async def test_another_maker_s_model_does_not_get_them() -> None:
    house = House(whole(THOUGHT, USE), END)
    await house.ask()
    shot = house.world.snapshot
    rule = ModelRule(prefix="", reasoning="always", thinking_as="level", levels=("low",))
    google = replace(shot.providers["a"], wire=Wire.GEMINI, profile=Profile(models=(rule,)))
    house.world.snapshot = replace(shot, providers={"a": google})
    answer = {
        "candidates": [{"content": {"parts": [{"text": "Stars."}]}, "finishReason": "STOP"}],
        "usageMetadata": {"promptTokenCount": 1, "candidatesTokenCount": 1, "totalTokenCount": 2},
    }
    house.transport._scripts["a"] = [Script(chunks=[json.dumps(answer).encode()], headers=JSON)]
    _, sent = await house.ask(*LOOP)
    assert "c2lnbmVk" not in json.dumps(sent)


class Away(MemoryResponseStore):
    async def get(self, scope: str) -> bytes | None:
        raise CapacityError("away")


async def test_a_store_out_of_reach_holds_nobody_up() -> None:
    house = House(whole(THOUGHT, USE), END, store=Away(ManualClock()))
    await house.ask()
    _, sent = await house.ask(*LOOP)
    assert [block["type"] for block in blocks_of(sent)] == ["tool_use"]


async def test_a_damaged_keepsake_is_counted_and_left_out() -> None:
    house = House(whole(THOUGHT, USE), END)
    await house.ask()
    for scope, (until, value) in list(house.store._kept.items()):
        house.store._kept[scope] = (until, value[:-1] + b"x")
    _, sent = await house.ask(*LOOP)
    assert [block["type"] for block in blocks_of(sent)] == ["tool_use"]
    assert house.keepsakes.faults == 1


def remembered(*events: Event) -> Any:
    guard = Guard("a")
    guard.take([Start(), *events, Finish("tool_calls", ""), End()])
    assert guard.error is None
    return guard.meter.keepsake


CALLED = (ToolStart(0, "c", "f"), ToolArguments(0, "{}"))


def test_only_what_a_vendor_sealed_before_a_call_is_remembered() -> None:
    seal = ReasoningSeal("anthropic", signature="s")
    kept = remembered(ReasoningDelta("a"), ReasoningDelta("b"), seal, *CALLED)
    assert kept.calls == [("c", "f")]
    assert [(b.text, b.signature) for b in kept.blocks] == [("ab", "s")]
    assert remembered(ReasoningDelta("a"), *CALLED) is None
    assert remembered(ReasoningDelta("a"), seal, TextDelta("t")) is None
    long = ReasoningDelta("a" * (MAX_CHARACTERS + 1))
    assert remembered(long, seal, *CALLED) is None


def test_a_broken_answer_is_not_remembered() -> None:
    guard = Guard("a")
    guard.take([Start(), ReasoningDelta("a"), ReasoningSeal("anthropic", signature="s"), *CALLED])
    guard.close()
    assert guard.meter.keepsake is None
