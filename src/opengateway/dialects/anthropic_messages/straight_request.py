"""A request to a vendor of this very dialect: the caller's members, with as little changed as may be.

Changed are the model's name, who the end user is (decision 29), and what stands for another vendor:
its seals, and thoughts that nobody signed, which this vendor refuses.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from opengateway.dialects.anthropic_messages.betas import BETA_HEADER, VERSION, VERSION_HEADER
from opengateway.dialects.anthropic_messages.canonical import hidden_user
from opengateway.dialects.anthropic_messages.canonical_turns import decode_list
from opengateway.dialects.anthropic_messages.seals import PREFIX, is_carried
from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatRequest, UpstreamCall
from opengateway.kit.json import JsonObject, Raw, RawObject, dumps, loads, loads_raw_object
from opengateway.wires.anthropic.messages import is_signed
from opengateway.wires.anthropic.request import PATH

_decode_messages = msgspec.json.Decoder(list[RawObject]).decode
_STATEFUL: Final = ("diagnostics",)
"""Members that name what the vendor keeps of other requests, and change no answer."""
_UNSIGNED: Final = re.compile(rb'"signature"\s*:\s*""')
_FOREIGN: Final = PREFIX.encode()
_UNPROVEN: Final = re.compile(rb'"encrypted_index"\s*:\s*""')
_THOUGHTS: Final = frozenset(("thinking", "redacted_thinking"))
_OF_COUNTING: Final = frozenset(
    (
        *("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"),
        *("output_format", "cache_control", "context_management", "mcp_servers", "speed"),
    )
)
"""What counting tokens takes; the rest is of the answer, and refused there."""


def straight_call(
    chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
) -> UpstreamCall:
    """Make the upstream request. Raises nothing: what is wrong is told by the vendor itself."""
    body, dropped = _body(chat, endpoint, provider, team_id)
    return UpstreamCall(
        path=_path(provider),
        body=dumps(body),
        dropped=dropped,
        headers=_headers(chat, provider),
    )


def counting_call(
    chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
) -> UpstreamCall:
    """The same for `count_tokens`."""
    body, dropped = _body(chat, endpoint, provider, team_id)
    return UpstreamCall(
        path=f"{_path(provider)}/count_tokens",
        body=dumps({name: raw for name, raw in body.items() if name in _OF_COUNTING}),
        dropped=dropped,
        headers=_headers(chat, provider),
    )


def _path(provider: Provider) -> str:
    return PATH.removeprefix("/v1") if provider.base_url.endswith("/v1") else PATH


def _body(
    chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
) -> tuple[RawObject, tuple[str, ...]]:
    body = dict(chat.fields)
    body["model"] = Raw(dumps(endpoint.upstream_model))
    dropped = [name for name in (*_STATEFUL, *provider.profile.drop) if name in body]
    for name in dropped:
        del body[name]
    if "metadata" in body:
        _hide_user(body, team_id)
    if _scrubbed(body) and _must_not_think(body):
        del body["thinking"]
        dropped.append("thinking")
    return body, tuple(dropped)


def _hide_user(body: RawObject, team_id: str) -> None:
    metadata = loads(body["metadata"])
    hidden = hidden_user(metadata, team_id)
    if hidden is not None:
        body["metadata"] = Raw(dumps({**metadata, "user_id": hidden}))


def _headers(chat: ChatRequest, provider: Provider) -> dict[str, str]:
    """The caller's features beside those that the zone asks for."""
    given = {name.lower(): value for name, value in provider.headers.items()}
    headers = {VERSION_HEADER: given.get(VERSION_HEADER, VERSION)}
    headers |= chat.headers
    if BETA_HEADER in given and BETA_HEADER in chat.headers:
        both = f"{given[BETA_HEADER]},{chat.headers[BETA_HEADER]}".split(",")
        headers[BETA_HEADER] = ",".join(dict.fromkeys(one.strip() for one in both))
    return headers


# --- what is of another vendor ----------------------------------------------------------------------
def _scrubbed(body: RawObject) -> bool:
    """Take out thoughts that this vendor never signed, in place. Whether there were any.

    The bytes of all other blocks stay as they are.
    """
    raw = bytes(body["messages"])
    if _FOREIGN not in raw and not _UNSIGNED.search(raw) and not _UNPROVEN.search(raw):
        return False
    messages: list[RawObject] = []
    found = is_changed = False
    for message in _decode_messages(raw):
        content = bytes(message["content"])
        if loads(message["role"]) == "assistant" and content.startswith(b"["):
            blocks = decode_list(content)
            kept = [block for block in blocks if not _is_unproven_thought(block)]
            found = found or len(kept) < len(blocks)
            proven = [_proven(block) for block in kept]
            if proven != blocks:
                is_changed = True
                message = {**message, "content": Raw(dumps(proven))}
            if not proven:
                continue
        messages.append(message)
    if is_changed:
        body["messages"] = Raw(dumps(messages))
    return found


def _is_unproven_thought(raw: Raw) -> bool:
    block = loads_raw_object(raw)
    kind = loads(block["type"])
    if kind not in _THOUGHTS:
        return False
    word = block.get("signature" if kind == "thinking" else "data")
    said = loads(word) if word is not None else None
    return not said or is_carried(said)


def _proven(raw: Raw) -> Raw:
    """A text without citations that another vendor gave."""
    if not _UNPROVEN.search(bytes(raw)):
        return raw
    block = loads_raw_object(raw)
    if loads(block["type"]) != "text" or "citations" not in block:
        return raw
    notes = [note for note in loads(block["citations"]) or () if note.get("encrypted_index") != ""]
    if notes:
        block["citations"] = Raw(dumps(notes))
    else:
        del block["citations"]
    return Raw(dumps(block))


def _must_not_think(body: RawObject) -> bool:
    """A loop of calls whose thoughts are gone cannot be gone on with by a model that must think."""
    thinking: Any = loads(body["thinking"]) if "thinking" in body else None
    if not isinstance(thinking, dict) or thinking.get("type") != "enabled":
        return False
    messages: list[JsonObject] = loads(body["messages"])
    listed = [m if isinstance(m["content"], list) else {**m, "content": []} for m in messages]
    return not is_signed(listed)
