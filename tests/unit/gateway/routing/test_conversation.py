from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from opengateway.gateway.routing.conversation import LEAST_INPUT_BYTES, conversation_of
from unit.gateway.fakes import chat

LONG = "You are a careful clerk. " * 100


def asked(*, size: int = 50_000, session: str | None = None, **fields: Any) -> Any:
    raw = {name: msgspec.Raw(msgspec.json.encode(value)) for name, value in fields.items()}
    return replace(chat(), fields=raw, input_bytes=size, session_id=session)


def turns(*texts: str, marked: int | None = None) -> list[dict[str, Any]]:
    """A system message, then user and assistant by turns; one of them marked for the cache."""
    found: list[dict[str, Any]] = []
    for at, text in enumerate((LONG, *texts)):
        content: Any = text
        if at == marked:
            content = [{"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}]
        role = "system" if at == 0 else ("user", "assistant")[(at - 1) % 2]
        found.append({"role": role, "content": content})
    return found


def digest(request: Any, team: str = "team_1") -> bytes:
    found = conversation_of(request, team)
    assert found is not None
    return found.digest


def source(request: Any) -> str | None:
    found = conversation_of(request, "team_1")
    return found.source if found is not None else None


def test_the_caller_s_name_for_it_goes_first_then_the_cache_s_key_then_how_it_opens() -> None:
    fields = {"prompt_cache_key": "k", "messages": turns("hello")}
    assert source(asked(session="s", **fields)) == "session_id"
    assert source(asked(**fields)) == "prompt_cache_key"
    assert source(asked(prompt_cache_key="", messages=turns("hello"))) == "opening"


def test_a_short_request_without_a_name_is_no_conversation() -> None:
    assert source(asked(size=LEAST_INPUT_BYTES - 1, messages=turns("hello"))) is None
    assert source(asked(size=LEAST_INPUT_BYTES - 1, session="s")) == "session_id"


def test_teams_models_and_sources_never_meet() -> None:
    mine = asked(session="x")
    assert digest(mine) != digest(mine, "team_2")
    assert digest(mine) != digest(replace(mine, model="lab/other"))
    assert digest(mine) != digest(asked(prompt_cache_key="x"))


@pytest.mark.parametrize("marked", [None, 0, 1, 3])
def test_later_turns_and_marks_that_move_leave_it_the_same(marked: int | None) -> None:
    first = asked(messages=turns("hello"))
    later = asked(messages=turns("hello", "hi", "more", "yes", marked=marked))
    assert digest(first) == digest(later)


@pytest.mark.parametrize(
    "other",
    [
        asked(messages=turns("good day")),
        asked(messages=[{"role": "system", "content": "else"}, *turns("hello")[1:]]),
        asked(messages=turns("hello")[1:]),
        asked(messages=turns("hello"), system="and this"),
    ],
)
def test_another_beginning_is_another_conversation(other: Any) -> None:
    assert digest(asked(messages=turns("hello"))) != digest(other)


@pytest.mark.parametrize(
    ("first", "later"),
    [
        (
            {"system": LONG, "messages": [{"role": "user", "content": "hello"}]},
            {
                "system": LONG,
                "messages": [
                    {"role": "user", "content": [{"type": "text", "text": "hello"}]},
                    {"role": "assistant", "content": "hi"},
                ],
            },
        ),
        (
            {"instructions": LONG, "input": [{"role": "user", "content": "hello"}]},
            {
                "instructions": LONG,
                "input": [
                    {"type": "message", "role": "user", "content": "hello"},
                    {"type": "reasoning", "summary": []},
                ],
            },
        ),
    ],
    ids=["messages", "responses"],
)
def test_other_dialects_conversations_are_known_too(first: Any, later: Any) -> None:
    assert digest(asked(**first)) == digest(asked(**later))


def test_a_bare_text_and_odd_shapes_do_no_harm() -> None:
    assert digest(asked(input="a text")) != digest(asked(input="another text"))
    assert source(asked(messages=[])) is None
    assert source(asked()) is None
    deep: Any = []
    for _ in range(200):
        deep = [deep]
    assert source(asked(messages=[{"role": "user", "content": deep}])) in ("opening", None)
