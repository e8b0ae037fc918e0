"""The short way of an answer that needs no mending, beside the long one: nothing may differ."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from opengateway.domain.catalog import Profile, Provider, Wire
from opengateway.domain.chat import ChatReply
from opengateway.domain.errors import UpstreamError
from opengateway.wires.openai_chat.plain import plain_reply
from opengateway.wires.openai_chat.reply import caller_reply
from recordings import RECORDINGS, needs_recordings

PROVIDER = Provider("p", "p", Wire.OPENAI, "http://p.test/v1", Profile())
ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "hé", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15},
}


def both(body: bytes, profile: Profile | None = None) -> tuple[ChatReply | None, ChatReply]:
    provider = msgspec.structs.replace(PROVIDER, profile=profile or Profile())
    return plain_reply(body, provider.profile, "lab/m"), caller_reply(body, provider, "lab/m")


def same(plain: ChatReply, mended: ChatReply) -> None:
    assert json.loads(plain.body) == json.loads(mended.body)
    for name in (
        "usage",
        "characters",
        "finish_reason",
        "native_finish_reason",
        "upstream_id",
        "has_content",
    ):
        assert getattr(plain.meter, name) == getattr(mended.meter, name), name


def changed(**members: Any) -> bytes:
    return json.dumps({**ANSWER, **members}).encode()


def test_a_plain_answer_goes_the_short_way_and_is_the_same() -> None:
    plain, mended = both(changed())
    assert plain is not None
    same(plain, mended)


def choice(**members: Any) -> list[dict[str, Any]]:
    return [{**ANSWER["choices"][0], **members}]


def message(**members: Any) -> list[dict[str, Any]]:
    return choice(message={**ANSWER["choices"][0]["message"], **members})


def usage(**members: Any) -> dict[str, Any]:
    return {**ANSWER["usage"], **members}


@pytest.mark.parametrize(
    "members",
    [
        {"choices": choice(finish_reason="length")},
        {"choices": choice(finish_reason="eos")},
        {"choices": choice(logprobs={"content": []})},
        {"choices": choice() * 2},
        {"choices": message(content="")},
        {"choices": message(content=None)},
        {"choices": message(reasoning_content="thought")},
        {"choices": message(annotations=[{"type": "url_citation"}])},
        {"choices": message(tool_calls=[{"id": "c", "function": {"name": "f"}}])},
        {"usage": usage(prompt_tokens_details={"cached_tokens": 4, "audio_tokens": 1})},
        {"usage": usage(completion_tokens_details={"reasoning_tokens": 5})},
        {"usage": usage(prompt_tokens_details={"cached_tokens": 40})},
        {"usage": usage(prompt_tokens=-1)},
        {"usage": usage(prompt_cache_hit_tokens=3)},
        {"usage": usage(prompt_tokens=0, completion_tokens=0)},
        {"usage": None},
        {"system_fingerprint": "fp", "service_tier": "default"},
        {"id": ""},
        {"created": 1.5},
        {"x_vendor": {"a": 1}},
    ],
    ids=repr,
)
def test_what_the_short_way_takes_is_what_the_long_one_makes(members: dict[str, Any]) -> None:
    plain, mended = both(changed(**members))
    if plain is not None:
        same(plain, mended)


def test_an_error_or_bytes_that_are_no_text_never_go_the_short_way() -> None:
    assert plain_reply(changed(error={"message": "no"}), Profile(), "m") is None
    assert plain_reply(changed().replace(b"chatcmpl-1", b"\xff"), Profile(), "m") is None
    assert plain_reply(b"[" * 100_000, Profile(), "m") is None
    assert plain_reply(changed(), Profile(finish_map={"stop": "error:quota"}), "m") is None
    assert plain_reply(changed(), Profile(usage_excludes_reasoning=True), "m") is None


@needs_recordings
def test_no_recorded_answer_differs() -> None:
    taken = 0
    for path in sorted(RECORDINGS.glob("**/*.json")):
        case = json.loads(path.read_bytes())
        body = case.get("response", {}).get("body") if isinstance(case, dict) else None
        if not isinstance(body, dict | str) or case.get("stream"):
            continue
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        plain = plain_reply(raw, Profile(), "lab/m")
        if plain is None:
            continue
        taken += 1
        try:
            same(plain, caller_reply(raw, PROVIDER, "lab/m"))
        except UpstreamError as error:
            pytest.fail(f"{path.name}: {error}")
    assert taken > 5
