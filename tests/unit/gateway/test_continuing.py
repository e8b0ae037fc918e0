"""A stream that breaks after its first content, gone on with elsewhere where the caller asked for it."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from opengateway.dialects.openai_chat.routing_note import OpenAIRoutingNotes
from opengateway.domain.catalog import Profile
from opengateway.domain.chat import ChatFacts, ChatRequest, Meter
from opengateway.domain.model_rules import ModelRule
from opengateway.domain.records import CloseRecord, Ending
from opengateway.domain.usage import Dimension, Usage
from opengateway.gateway.continuing import continued, joined
from opengateway.gateway.exchange import Exchange
from opengateway.gateway.resolve import plan_chat
from opengateway.gateway.state import ExchangeState
from unit.gateway.fakes import (
    CUT,
    PRINCIPAL,
    RecordingCaller,
    Script,
    ScriptedTransport,
    World,
    chat,
    endpoint,
    model,
    ok,
)

BEGUN = "text:one two three four "
REST = ok("text:five", "usage:2", "finish:stop", "done")


def broken(*lines: str) -> Script:
    found = ok(*lines)
    return Script(chunks=[*found.chunks, CUT], headers=found.headers)


def world_of(form: str = "prefill", **scripts: Any) -> World:
    names = sorted(scripts)
    world = World([model("lab/m", *map(endpoint, names))], ScriptedTransport(**scripts))
    able = Profile(continues=form)  # type: ignore[arg-type]
    providers = {n: replace(p, profile=able) for n, p in world.snapshot.providers.items()}
    world.snapshot = replace(world.snapshot, providers=providers)
    world.services = dataclasses.replace(world.services, routing_notes=OpenAIRoutingNotes())
    return world


def asking(**more: Any) -> ChatRequest:
    fields = {"messages": msgspec.Raw(b'[{"role":"user","content":"count"}]')}
    return replace(chat(stream=True), goes_on=True, fields=fields, **more)


async def serve(world: World, request: ChatRequest) -> tuple[RecordingCaller, CloseRecord]:
    caller = RecordingCaller()
    plan = plan_chat(request, PRINCIPAL, world.snapshot)
    state = ExchangeState(world.arrival(), PRINCIPAL, request, plan)
    await asyncio.wait_for(Exchange(world.services, state, caller).run(), 3)
    (record,) = world.journal.closed
    assert world.purse.open_holds == {}
    assert world.services.gauges.in_flight == 0
    for response in world.transport.responses:
        assert response.released or response.aborted
    return caller, record


async def test_another_provider_goes_on_and_the_seam_is_marked() -> None:
    world = world_of(a=broken(BEGUN), b=REST)
    caller, record = await serve(world, asking())
    before, seam, after = caller.body.partition(b"data: ")
    assert before == b"text:one two three four \n"
    assert seam
    told = msgspec.json.decode(after.split(b"\n\n")[0])
    assert told["choices"] == []
    assert told["extra"]["seam"] == {
        "after_characters": 19,
        "reason": "provider_disconnected",
        "provider": "b",
        "region": "global",
    }
    assert after.split(b"\n\n", 1)[1] == b"text:five\nEND\n"
    assert (record.ending, record.provider) == (Ending.COMPLETED, "b")
    assert [(a.provider, a.status, a.why) for a in record.attempts] == [
        ("a", "failed", "order"),
        ("b", "succeeded", "order"),
    ]
    assert world.transport.asked == ["a", "b"]
    assert len(world.journal.opened) == 1


async def test_the_prompt_is_billed_once_and_what_came_before_as_output() -> None:
    world = world_of(a=broken(BEGUN), b=REST)
    _, record = await serve(world, asking())
    tokens = round(19 / 4.0)
    assert record.usage == {Dimension.INPUT: 10 - tokens, Dimension.OUTPUT: 2 + tokens}
    assert record.usage_estimated
    assert record.delivered_characters == 19 + 4


@pytest.mark.parametrize(
    "request_",
    [
        replace(asking(), goes_on=False),
        asking(facts=ChatFacts(n=2)),
        asking(facts=ChatFacts(has_tools=True)),
        asking(facts=ChatFacts(response_format="json_schema")),
        asking(facts=ChatFacts(reasoning_effort="high")),
    ],
    ids=["not asked for", "two choices", "tools", "a schema", "thoughts"],
)
async def test_where_it_could_go_wrong_the_error_is_told(request_: ChatRequest) -> None:
    world = world_of(a=broken(BEGUN), b=REST)
    caller, record = await serve(world, request_)
    assert caller.body.endswith(b"BROKE provider_disconnected\n")
    assert (record.ending, world.transport.asked) == (Ending.UPSTREAM_BROKE, ["a"])


async def test_only_endpoints_that_take_a_beginning_go_on() -> None:
    world = world_of(a=broken(BEGUN), b=REST)
    providers = dict(world.snapshot.providers)
    rule = ModelRule(prefix="m", prefill=False)
    providers["b"] = replace(providers["b"], profile=Profile(continues="prefill", models=(rule,)))
    providers["a"] = replace(providers["a"], profile=Profile())
    world.snapshot = replace(world.snapshot, providers=providers)
    caller, _ = await serve(world, asking())
    assert caller.body.endswith(b"BROKE provider_disconnected\n")


async def test_when_those_fail_too_the_first_error_is_told_and_what_came_is_kept() -> None:
    world = world_of(a=broken(BEGUN), b=Script(status=500))
    caller, record = await serve(world, asking())
    assert caller.body == b"text:one two three four \nBROKE provider_disconnected\n"
    assert (record.ending, record.provider) == (Ending.UPSTREAM_BROKE, "a")


async def test_a_second_break_is_gone_on_with_from_all_that_was_said() -> None:
    world = world_of(a=broken(BEGUN), b=broken("text:five "), c=ok("text:six", "usage:1", "done"))
    caller, record = await serve(world, asking())
    assert caller.body.endswith(b"text:six\nEND\n")
    assert record.delivered_characters == 19 + 5 + 3
    assert record.ending is Ending.COMPLETED


@pytest.mark.parametrize(
    ("form", "last", "more"),
    [
        ("prefill", {"role": "assistant", "content": "so far"}, {}),
        ("prefix", {"role": "assistant", "content": "so far", "prefix": True}, {}),
        (
            "template",
            {"role": "assistant", "content": "so far"},
            {"continue_final_message": True, "add_generation_prompt": False},
        ),
    ],
)
def test_the_beginning_goes_out_in_the_provider_s_own_way(
    form: str, last: dict[str, Any], more: dict[str, Any]
) -> None:
    world = world_of(form, a=REST)
    request = asking(facts=ChatFacts(max_output_tokens=50))
    request.fields["max_tokens"] = msgspec.Raw(b"50")
    candidate = plan_chat(request, PRINCIPAL, world.snapshot).candidates[0]
    made = continued(request, "so far \n", candidate, 20)
    sent = msgspec.json.decode(msgspec.json.encode(made.fields))
    assert sent["messages"] == [{"role": "user", "content": "count"}, last]
    assert sent["max_tokens"] == 30
    assert {name: sent[name] for name in more} == more
    assert bytes(request.fields["max_tokens"]) == b"50", "the caller's own is as it was"


def test_joined_usage_never_invents_a_prompt_below_nothing() -> None:
    before, after = Meter(), Meter()
    before.hand_on("x" * 400)
    after.hand_on("y")
    after.usage = Usage({Dimension.INPUT: 30, Dimension.CACHE_READ: 20, Dimension.OUTPUT: 5})
    found = joined(before, after, endpoint("a"))
    assert found.usage is not None
    assert found.usage.quantities == {Dimension.OUTPUT: 5 + 50}
    assert found.characters == 401
