"""Whatever is sent: a request or a clear refusal, and what is unknown survives."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from opengateway.dialects.openai_chat import decode
from opengateway.dialects.openai_chat.depth import depth_of
from opengateway.dialects.openai_chat.shapes import OUR_MEMBERS, Params
from opengateway.domain.errors import InvalidRequest
from opengateway.kit.json import dumps

KNOWN = Params.__struct_fields__
CODES = {
    "invalid_json",
    "invalid_type",
    "invalid_value",
    "missing_required_parameter",
    "unsupported_parameter",
    "too_deep",
}

text = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | text
)
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4)
)
names = st.sampled_from(KNOWN) | text
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "tool", "system", "developer", "function"])},
        optional={
            "content": text
            | st.lists(st.fixed_dictionaries({"type": text, "text": text}))
            | values,
            "tool_calls": values,
            "name": text,
            "tool_call_id": text,
        },
    ),
    max_size=4,
)


def attempt(body: bytes, headers: dict[str, str]) -> Any:
    """The request, or None after a refusal whose every part is as promised."""
    try:
        return decode(body, headers)
    except InvalidRequest as error:
        refusal = error
    assert refusal.code in CODES
    assert refusal.param is None or refusal.param
    assert 0 < len(refusal.message) < 1000
    return None


@given(st.dictionaries(names, values, max_size=8), st.dictionaries(text, text, max_size=2))
def test_any_object_is_a_request_or_a_refusal(
    members: dict[str, Any], headers: dict[str, str]
) -> None:
    attempt(json.dumps(members).encode(), headers)


@given(messages, st.dictionaries(names, values, max_size=3))
def test_any_conversation_is_a_request_or_a_refusal(
    conversation: list[Any], members: dict[str, Any]
) -> None:
    attempt(json.dumps({**members, "model": "m", "messages": conversation}).encode(), {})


@given(st.binary(max_size=200))
def test_any_bytes_are_a_refusal_or_a_request(body: bytes) -> None:
    attempt(body, {})


@given(st.data())
def test_any_cut_or_flip_of_a_good_body_is_a_request_or_a_refusal(data: st.DataObject) -> None:
    body = bytearray(
        json.dumps(
            {
                "model": "acme/m",
                "messages": [{"role": "user", "content": [{"type": "text", "text": "é\n"}]}],
                "tools": [{"type": "function", "function": {"name": "f", "parameters": {}}}],
                "provider": {"order": ["a"]},
                "temperature": 0.5,
            },
            ensure_ascii=False,
        ).encode()
    )
    at = data.draw(st.integers(0, len(body) - 1))
    body[at] = data.draw(st.integers(0, 255))
    attempt(bytes(body[: data.draw(st.integers(at, len(body)))]), {})


def dumped(value: Any) -> st.SearchStrategy[bytes]:
    """One value in the several spellings that encoders give it."""
    return st.sampled_from(
        [
            json.dumps(value).encode(),
            json.dumps(value, ensure_ascii=False).encode(),
            json.dumps(value, separators=(",", ":")).encode(),
            json.dumps(value, indent=1).encode(),
        ]
    )


@given(st.data())
def test_unknown_members_keep_their_bytes(data: st.DataObject) -> None:
    unknown = data.draw(
        st.dictionaries(text.filter(lambda name: name not in KNOWN), values, max_size=4)
    )
    written = {name: data.draw(dumped(value)) for name, value in unknown.items()}
    body = b'{"model":"m","messages":[{"role":"user","content":"x"}]'
    for name, value in written.items():
        body += b"," + json.dumps(name).encode() + b":" + value
    chat = decode(body + b"}", {})
    assert {n: bytes(v) for n, v in chat.fields.items() if n not in KNOWN} == written
    assert not set(chat.fields) & set(OUR_MEMBERS)
    again = decode(dumps(chat.fields), {})
    assert {n: bytes(v) for n, v in again.fields.items()} == {
        n: bytes(v) for n, v in chat.fields.items()
    }


def depth_by_walking(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_by_walking, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_by_walking, value), default=0)
    return 0


# Texts that look like structure.
tricky = st.text(st.sampled_from('[]{}"\\ a'), max_size=8)


@settings(max_examples=300)
@given(
    st.recursive(
        tricky | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(tricky, inner, max_size=3),
        max_leaves=40,
    )
)
def test_depth_is_counted_as_a_walk_would_count_it(value: Any) -> None:
    assert depth_of(json.dumps(value).encode()) == depth_by_walking(value)
