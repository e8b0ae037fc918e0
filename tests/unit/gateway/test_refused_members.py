"""What an endpoint does not take: left out and told, refused where the caller is strict, and what a
400 says of it is believed once."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import replace as changed
from typing import Any

import pytest
from msgspec.structs import replace

from opengateway.dialects.openai_chat.dialect import OpenAIChatDialect
from opengateway.domain.catalog import Profile, Wire
from opengateway.gateway.exchange import Exchange
from opengateway.gateway.refused_members import KNOWN_S, MAX_ENDPOINTS, MAX_MEMBERS, RefusedMembers
from opengateway.gateway.resolve import plan_chat
from opengateway.gateway.state import ExchangeState
from opengateway.ports.transport import UpstreamRequest
from opengateway.providers.registry import STRAIGHT_CHAT
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
JSON = {"content-type": "application/json"}
ANSWER = json.dumps(
    {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "yes"},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
    }
).encode()
OK = Script(chunks=[ANSWER], headers=JSON)


def refusing(message: str, **more: object) -> Script:
    body = json.dumps({"error": {"message": message, "type": "invalid_request_error", **more}})
    return Script(chunks=[body.encode()], status=400, headers=JSON)


class Listening(ScriptedTransport):
    """Keeps what it is asked."""

    def __init__(self, **scripts: Script | list[Script]) -> None:
        super().__init__(**scripts)
        self.bodies: list[Json] = []

    async def send(self, request: UpstreamRequest) -> ScriptedResponse:
        self.bodies.append(json.loads(request.body))
        return await super().send(request)


@dataclass
class Told:
    status: int
    headers: Mapping[str, str]
    body: Json
    sent: list[Json]


class House:
    """Endpoints of the OpenAI wire, each with a profile of its own."""

    def __init__(self, profiles: Mapping[str, Profile], **scripts: Script | list[Script]) -> None:
        self.transport = Listening(**scripts)
        self.world = World([model("lab/m", *(endpoint(name) for name in profiles))], self.transport)
        shot = self.world.snapshot
        providers = {n: replace(shot.providers[n], profile=p) for n, p in profiles.items()}
        self.world.snapshot = replace(shot, providers=providers)
        dialect = OpenAIChatDialect()
        self.world.services = changed(
            self.world.services,
            wires={Wire.OPENAI: STRAIGHT_CHAT[Wire.OPENAI]},
            chat_dialect=dialect,
        )

    async def ask(self, *, strict_key: bool = False, headers: Json = {}, **members: Any) -> Told:  # noqa: B006
        world, before = self.world, len(self.transport.bodies)
        body = {"model": "lab/m", "messages": [{"role": "user", "content": "hi"}], **members}
        request = world.services.chat_dialect.decode(json.dumps(body).encode(), headers)
        principal = replace(PRINCIPAL, strict_parameters=strict_key)
        plan = plan_chat(request, principal, world.snapshot)
        caller = RecordingCaller()
        state = ExchangeState(world.arrival(), principal, request, plan)
        await asyncio.wait_for(Exchange(world.services, state, caller).run(), 3)
        assert world.bugs == []
        sent = self.transport.bodies[before:]
        return Told(caller.status, caller.headers, json.loads(caller.body), sent)


SEEDLESS = Profile(drop=("seed",))
RETRIES = Profile(refused_fields_retry=True)


async def test_what_a_provider_does_not_take_is_left_out_and_told() -> None:
    told = await House({"a": SEEDLESS}, a=OK).ask(seed=7)
    assert (told.status, told.headers["x-opengateway-dropped-params"]) == (200, "seed")
    assert "seed" not in told.sent[0]


@pytest.mark.parametrize(
    "how",
    [
        {"strict_key": True},
        {"extra": {"strict_parameters": True}},
        {"headers": {"x-opengateway-strict-parameters": "true"}},
    ],
)
async def test_a_strict_request_is_refused_by_the_name_of_the_parameter(how: Json) -> None:
    told = await House({"a": SEEDLESS}, a=OK).ask(seed=7, **how)
    error = told.body["error"]
    assert (told.status, error["code"], error["param"]) == (400, "unsupported_parameter", "seed")
    assert told.sent == [], "nothing was sent"


async def test_a_request_can_be_lenient_though_its_key_is_strict() -> None:
    told = await House({"a": SEEDLESS}, a=OK).ask(
        seed=7, strict_key=True, headers={"x-opengateway-strict-parameters": "false"}
    )
    assert told.status == 200


async def test_a_strict_request_goes_where_all_of_it_is_taken() -> None:
    house = House({"a": SEEDLESS, "b": Profile()}, a=OK, b=OK)
    told = await house.ask(seed=7, extra={"strict_parameters": True})
    assert told.status == 200
    assert told.headers["x-opengateway-provider"] == "b"
    assert told.sent[0]["seed"] == 7


async def test_a_wrong_word_for_strictness_is_refused_by_the_header_s_name() -> None:
    from opengateway.domain.errors import InvalidRequest

    with pytest.raises(InvalidRequest) as caught:
        await House({"a": SEEDLESS}, a=OK).ask(headers={"x-opengateway-strict-parameters": "yes"})
    assert caught.value.param == "x-opengateway-strict-parameters"


@pytest.mark.parametrize(
    "refusal",
    [
        refusing("property 'seed' is unsupported"),
        refusing("Unsupported parameter: 'seed'", param="seed", code="unsupported_parameter"),
        refusing("Unrecognized request argument supplied: seed"),
        Script(
            chunks=[
                json.dumps(
                    {
                        "object": "error",
                        "message": {
                            "detail": [
                                {
                                    "type": "extra_forbidden",
                                    "loc": ["body", "seed"],
                                    "msg": "Extra inputs are not permitted",
                                }
                            ]
                        },
                    }
                ).encode()
            ],
            status=422,
            headers=JSON,
        ),
    ],
)
async def test_a_refused_member_is_left_out_once_and_remembered(refusal: Script) -> None:
    house = House({"a": RETRIES}, a=[refusal, OK])
    told = await house.ask(seed=7)
    assert told.status == 200
    assert ["seed" in body for body in told.sent] == [True, False]
    assert told.headers["x-opengateway-dropped-params"] == "seed"
    assert told.headers["x-opengateway-attempts"] == "2"
    again = await house.ask(seed=7)
    assert ["seed" in body for body in again.sent] == [False], "it is not refused first again"
    assert again.headers["x-opengateway-dropped-params"] == "seed"


async def test_what_a_strict_caller_sent_is_not_left_out_after_a_refusal() -> None:
    told = await House({"a": RETRIES}, a=[refusing("property 'seed' is unsupported"), OK]).ask(
        seed=7, extra={"strict_parameters": True}
    )
    assert (told.status, told.body["error"]["param"], len(told.sent)) == (400, "seed", 1)


async def test_what_we_added_ourselves_goes_without_a_word_even_for_the_strict() -> None:
    stream = Script(
        chunks=[b'data: {"choices":[]}\n\n'], headers={"content-type": "text/event-stream"}
    )
    house = House({"a": RETRIES}, a=[refusing("property 'stream_options' is unsupported"), stream])
    world, transport = house.world, house.transport
    body = b'{"model":"lab/m","stream":true,"messages":[{"role":"user","content":"hi"}]}'
    request = world.services.chat_dialect.decode(body, {})
    principal = replace(PRINCIPAL, strict_parameters=True)
    state = ExchangeState(
        world.arrival(), principal, request, plan_chat(request, principal, world.snapshot)
    )
    await asyncio.wait_for(Exchange(world.services, state, RecordingCaller()).run(), 3)
    assert ["stream_options" in sent for sent in transport.bodies][:2] == [True, False]
    assert state.dropped == ()


@pytest.mark.parametrize(
    ("refusal", "members"),
    [
        (refusing("property 'stop' is unsupported"), {"stop": ["x"]}),
        (refusing("Unsupported parameter: 'max_tokens'"), {"max_tokens": 5}),
        (refusing("'seed' must be positive", param="seed"), {"seed": 7}),
        (refusing("property 'absent' is unsupported"), {"seed": 7}),
    ],
    ids=["changes the meaning", "bounds the answer", "a wrong value", "not sent"],
)
async def test_nothing_else_is_tried_again(refusal: Script, members: Json) -> None:
    told = await House({"a": RETRIES}, a=[refusal, OK]).ask(**members)
    assert (told.status, len(told.sent)) == (400, 1)


async def test_a_vendor_without_the_mark_is_not_asked_again() -> None:
    told = await House({"a": Profile()}, a=[refusing("property 'seed' is unsupported"), OK]).ask(
        seed=7
    )
    assert (told.status, len(told.sent)) == (400, 1)


async def test_one_member_is_left_out_for_one_request_and_no_more() -> None:
    refusals = [
        refusing("property 'seed' is unsupported"),
        refusing("property 'user' is unsupported"),
    ]
    told = await House({"a": RETRIES}, a=[*refusals, OK]).ask(seed=7, user="u")
    assert (told.status, len(told.sent)) == (400, 2)


async def test_what_was_learned_is_forgotten_in_time_and_bounded() -> None:
    house = House({"a": RETRIES}, a=[refusing("property 'seed' is unsupported"), OK])
    await house.ask(seed=7)
    refused = house.world.services.refused
    assert isinstance(refused, RefusedMembers)
    for at in range(MAX_ENDPOINTS + 5):
        refused._learn(f"e{at}", "seed", 0.0)
    for at in range(MAX_MEMBERS + 5):
        refused._learn("e", f"m{at}", 0.0)
    assert len(refused._known) == MAX_ENDPOINTS
    assert len(refused._known["e"]) == MAX_MEMBERS
    request = house.world.services.chat_dialect.decode(
        b'{"model":"lab/m","seed":1,"messages":[{"role":"user","content":"hi"}]}', {}
    )
    plan = plan_chat(request, PRINCIPAL, house.world.snapshot)
    candidate = plan.candidates[0]
    call = STRAIGHT_CHAT[Wire.OPENAI].request(
        request, candidate.endpoint, candidate.provider, "team_1"
    )
    refused._learn(candidate.endpoint.id, "seed", 0.0)
    assert b'"seed"' not in refused.known(request, candidate, call, KNOWN_S - 1).body
    assert refused.known(request, candidate, call, KNOWN_S + 1) is call
