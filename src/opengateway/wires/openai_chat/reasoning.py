"""How reasoning travels in this shape: typed blocks, out and back in without a change.

Shared by this wire and by the dialect of the same shape.

Plain clients see `reasoning_content`. Those that can keep more get `reasoning_details`, one entry a
block and in order, with what a vendor signed or encrypted, and send it back as it is. The form is
OpenRouter's, which clients know already. Entries of one block may come in pieces; they share their
`index`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any, Final

from opengateway.domain.canonical import Reasoning
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.events import ReasoningSeal
from opengateway.domain.origins import ANTHROPIC, GOOGLE, OPENAI, XAI
from opengateway.kit.json import JsonObject, Raw, dumps, loads

_FORMATS: Final = {
    ANTHROPIC: "anthropic-claude-v1",
    GOOGLE: "google-gemini-v1",
    OPENAI: "openai-responses-v1",
    XAI: "xai-responses-v1",
}
"""Whose signature it is, in the words of `reasoning_details[].format`. Others go by their name."""
_ORIGINS: Final = {form: origin for origin, form in _FORMATS.items()}

TEXT: Final = "reasoning.text"
SUMMARY: Final = "reasoning.summary"
ENCRYPTED: Final = "reasoning.encrypted"
_KNOWN: Final = frozenset(("type", "text", "summary", "signature", "data", "format", "index"))


def origin_of(form: object) -> str | None:
    """Whose entries of this `format` are, as the canonical form has it."""
    return _ORIGINS.get(form, form) if isinstance(form, str) else None


def seal_entry(seal: ReasoningSeal, index: int, kind: str | None) -> JsonObject:
    """The entry, or the last piece of one, that carries a seal. `kind` is its block's, if begun."""
    entry: JsonObject = {"type": kind or TEXT}
    data, signature = seal.encrypted, seal.signature
    if kind is None and seal.origin == GOOGLE and data is None:
        data, signature = signature, None  # Google's signature stands for what is not shown
    if data is not None:
        entry["type"] = ENCRYPTED
        entry["data"] = data
    elif kind is None:
        entry["text"] = ""
    if signature is not None:
        entry["signature"] = signature
    if seal.call_id is not None:
        entry["id"] = seal.call_id
    entry["format"] = _FORMATS.get(seal.origin, seal.origin)
    entry["index"] = index
    return entry


def read_details(details: object, calls: Collection[str], where: str) -> list[Reasoning]:
    """The blocks of a message's `reasoning_details`. `calls` are the ids of its tool calls.

    Raises `InvalidRequest` for what is not a list of objects.
    """
    if not isinstance(details, list) or not all(isinstance(e, dict) for e in details):
        raise InvalidRequest(
            f"{where!r} is wrong: send the list of objects that the answer held, as it was",
            code="invalid_type",
            param=where,
        )
    return [_reasoning(entry, calls) for entry in _joined(details)]


def _joined(details: Iterable[JsonObject]) -> list[JsonObject]:
    """Whole entries: pieces with the same index, one after the other, are one."""
    whole: list[JsonObject] = []
    for piece in details:
        last = whole[-1] if whole else None
        index = piece.get("index")
        if last is None or index is None or last.get("index") != index or _begins(last, piece):
            whole.append(dict(piece))
            continue
        for name, value in piece.items():
            held = last.get(name)
            if name in ("text", "summary", "data") and isinstance(held, str):
                last[name] = held + value if isinstance(value, str) else held
            elif value is not None and (name != "type" or value == ENCRYPTED):
                last[name] = value
    return whole


def _begins(last: JsonObject, piece: JsonObject) -> bool:
    """Whether a piece is another entry all the same, as of clients that number them anew."""
    if last.get("signature") is not None or last.get("data") is not None:
        return True
    return piece.get("type") not in (last.get("type"), ENCRYPTED, None)


def _reasoning(entry: JsonObject, calls: Collection[str]) -> Reasoning:
    origin = origin_of(entry.get("format"))
    kind = entry.get("type")
    identifier = entry.get("id")
    call_id = identifier if isinstance(identifier, str) and identifier in calls else None
    opaque = {n: Raw(dumps(v)) for n, v in entry.items() if n not in _KNOWN and v is not None}
    if call_id is not None:
        del opaque["id"]
    if kind not in (TEXT, SUMMARY, ENCRYPTED):
        opaque["type"] = Raw(dumps(kind))
    signature, data = _text(entry, "signature"), _text(entry, "data")
    if origin == GOOGLE and signature is None:
        signature, data = data, None
    return Reasoning(
        text=_text(entry, "text") or _text(entry, "summary") or "",
        summary=kind == SUMMARY or "summary" in entry,
        signature=signature,
        encrypted=data,
        origin=origin,
        call_id=call_id,
        opaque=opaque,
    )


def _text(entry: JsonObject, name: str) -> str | None:
    value = entry.get(name)
    return value if isinstance(value, str) else None


def read_thinking_blocks(blocks: object, where: str) -> list[Reasoning]:
    """Anthropic's blocks beside a chat message, as LiteLLM's clients send them."""
    if not isinstance(blocks, list) or not all(isinstance(b, dict) for b in blocks):
        raise InvalidRequest(
            f"{where!r} is wrong: send the list of objects that the answer held, as it was",
            code="invalid_type",
            param=where,
        )
    return [_thinking(block) for block in blocks]


def _thinking(block: dict[str, Any]) -> Reasoning:
    if block.get("type") == "redacted_thinking":
        return Reasoning(encrypted=_text(block, "data"), origin=ANTHROPIC)
    signature = _text(block, "signature") or None
    return Reasoning(
        text=_text(block, "thinking") or "",
        signature=signature,
        origin=ANTHROPIC if signature else None,
    )


def details_of(blocks: Iterable[Reasoning]) -> list[JsonObject]:
    """`reasoning_details` of whole blocks."""
    return [_entry(block, index) for index, block in enumerate(blocks)]


def _entry(block: Reasoning, index: int) -> JsonObject:
    kind = SUMMARY if block.summary else TEXT if block.text else None
    entry: JsonObject = {"type": kind or TEXT, "text": ""}
    if kind is not None:
        entry = {"type": kind, kind.removeprefix("reasoning."): block.text}
    if block.signature is not None or block.encrypted is not None:
        seal = ReasoningSeal(
            origin=block.origin or "",
            signature=block.signature,
            encrypted=block.encrypted,
            call_id=block.call_id,
        )
        entry = ({} if kind is None else entry) | seal_entry(seal, index, kind)
    elif block.origin:
        entry["format"] = _FORMATS.get(block.origin, block.origin)
    entry["index"] = index
    if not block.origin:
        entry.pop("format", None)
    return entry | {name: loads(raw) for name, raw in block.opaque.items()}
