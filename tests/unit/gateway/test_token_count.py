"""Counting tokens: by the provider where it speaks the dialect, else exactly, else by ratio."""

from __future__ import annotations

import asyncio
import dataclasses
import json
from collections.abc import Callable, Sequence

import pytest
from msgspec.structs import replace

from opengateway.compose.wires import MESSAGES_COUNTING, messages_wires, responses_counting
from opengateway.domain.catalog import Wire
from opengateway.domain.errors import ErrorClass, NotFound, UpstreamError
from opengateway.gateway import token_count
from opengateway.gateway.token_count import Means, TokenCounting
from opengateway.ports.tokens import Texts
from unit.gateway.fakes import PRINCIPAL, Script, ScriptedTransport, World, endpoint, model

ASK = {
    "model": "lab/m",
    "system": "one two",
    "messages": [
        {"role": "user", "content": "three four"},
        {"role": "assistant", "content": [{"type": "text", "text": "five"}]},
    ],
}


class WordCounter:
    async def count_exact(self, read: Callable[[], Texts], encoding: str) -> tuple[int, ...] | None:
        return tuple(self.count(group, encoding) for group in read())

    def count(self, texts: Sequence[str], encoding: str) -> int:
        return sum(len(text.split()) for text in texts)


def world(
    script: Script | None = None, *, wire: Wire = Wire.ANTHROPIC, encoding: str = ""
) -> tuple[TokenCounting, ScriptedTransport]:
    transport = ScriptedTransport(a=script or Script())
    here = replace(endpoint("a", encoding=encoding), modalities=("text", "image"))
    made = World([model("lab/m", here)], transport)
    provider = replace(made.snapshot.providers["a"], wire=wire)
    made.snapshot = replace(made.snapshot, providers={"a": provider})
    services = dataclasses.replace(
        made.services, wires=messages_wires(lambda prefix: prefix), tokens=WordCounter()
    )
    return TokenCounting(services, MESSAGES_COUNTING), transport


async def count(counting: TokenCounting, **members: object) -> tuple[int, Means]:
    return await counting.count(json.dumps({**ASK, **members}).encode(), {}, PRINCIPAL)


def answer(status: int, told: object) -> Script:
    return Script([json.dumps(told).encode()], status=status)


async def test_the_provider_is_asked_where_it_speaks_the_dialect() -> None:
    counting, transport = world(answer(200, {"input_tokens": 77}))
    assert await count(counting) == (77, Means.PROVIDER)
    assert transport.asked == ["a"]
    assert counting.body(77) == b'{"input_tokens":77}'


@pytest.mark.parametrize(
    "script",
    [
        answer(529, {"type": "error", "error": {"type": "overloaded_error", "message": "x"}}),
        answer(401, {"type": "error", "error": {"type": "authentication_error", "message": "x"}}),
        answer(200, {"input_tokens": "many"}),
        answer(200, []),
        Script([b"<html>"]),
        Script(fail=UpstreamError(ErrorClass.CONNECT, "no way")),
    ],
)
async def test_a_provider_that_does_not_count_is_no_trouble_of_the_callers(script: Script) -> None:
    counting, transport = world(script)
    tokens, means = await count(counting)
    assert (tokens > 0, means, transport.asked) == (True, Means.ESTIMATED, ["a"])


async def test_what_the_provider_refuses_the_caller_is_told() -> None:
    told = {"type": "error", "error": {"type": "invalid_request_error", "message": "bad tool"}}
    counting, _ = world(answer(400, told))
    with pytest.raises(UpstreamError) as error:
        await count(counting)
    assert json.loads(error.value.body) == told


async def test_a_provider_that_hangs_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(token_count, "PATIENCE_S", 0.01)
    counting, _ = world(Script(hang=True))
    assert (await count(counting))[1] is Means.ESTIMATED


async def test_only_so_many_wait_for_a_provider_at_once() -> None:
    counting, transport = world(Script(hang=True))
    waiting = [asyncio.create_task(count(counting)) for _ in range(token_count.ASKED_AT_ONCE)]
    await asyncio.sleep(0)
    assert (await count(counting))[1] is Means.ESTIMATED
    assert len(transport.asked) == token_count.ASKED_AT_ONCE
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


async def test_a_vocabulary_at_hand_counts_exactly() -> None:
    """One word, one token: of the texts and the roles; and what the format adds."""
    counting, transport = world(wire=Wire.OPENAI, encoding="words")
    assert await count(counting) == (7 + 3 * 3 + 3, Means.EXACT)
    assert transport.asked == []
    image = {"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}
    seen = await count(counting, messages=[{"role": "user", "content": [image]}])
    assert seen[1] is Means.ESTIMATED  # what an image comes to is the vendor's affair


async def test_without_a_vocabulary_it_is_an_estimate() -> None:
    counting, _ = world(wire=Wire.GEMINI)
    tokens, means = await count(counting)
    assert means is Means.ESTIMATED
    assert 10 < tokens < 200


async def test_a_model_that_is_not_served_is_told() -> None:
    counting, _ = world()
    with pytest.raises(NotFound):
        await count(counting, model="lab/none")


# --- Responses --------------------------------------------------------------------------------------
ITEMS = {
    "model": "lab/m",
    "instructions": "one two",
    "input": [{"role": "user", "content": [{"type": "input_text", "text": "three four"}]}],
    "max_output_tokens": 100,
    "store": True,
    "stream": True,
}


def responses_world(
    script: Script | None = None, *, has_responses: bool = True, encoding: str = ""
) -> tuple[TokenCounting, ScriptedTransport]:
    transport = ScriptedTransport(a=script or Script())
    made = World([model("lab/m", endpoint("a", encoding=encoding))], transport)
    provider = made.snapshot.providers["a"]
    profile = replace(provider.profile, responses="sealed" if has_responses else "no")
    provider = replace(provider, wire=Wire.OPENAI, profile=profile)
    made.snapshot = replace(made.snapshot, providers={"a": provider})
    services = dataclasses.replace(made.services, tokens=WordCounter())
    return TokenCounting(services, responses_counting(made.services.clock)), transport


async def test_openais_own_count_is_asked_for_with_what_it_takes_and_no_more() -> None:
    told = {"object": "response.input_tokens", "input_tokens": 51}
    counting, transport = responses_world(answer(200, told))
    found = await counting.count(json.dumps(ITEMS).encode(), {}, PRINCIPAL)
    assert found == (51, Means.PROVIDER)
    (request,) = transport.requests
    assert request.url.endswith("/responses/input_tokens")
    assert json.loads(request.body).keys() == {"model", "instructions", "input"}
    assert json.loads(counting.body(51)) == told


async def test_where_a_vendor_counts_no_responses_the_count_is_ours() -> None:
    counting, transport = responses_world(has_responses=False, encoding="words")
    body = json.dumps({**ITEMS, "input": "three four"}).encode()
    assert await counting.count(body, {}, PRINCIPAL) == (6 + 2 * 3 + 3, Means.EXACT)
    assert transport.asked == []
