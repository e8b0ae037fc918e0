"""Conversations for vendors that want them by turns: user, assistant, user, ... after the system.

Texts of one role that follow each other become one, a blank line between them. Nothing is lost, and
nothing changes its order. What is no plain text stays as it is: the vendor's refusal tells of it.
"""

from __future__ import annotations

import msgspec

from opengateway.kit.json import Raw, RawObject, dumps

_decode_text = msgspec.json.Decoder(str).decode


def by_turns(messages: list[RawObject]) -> list[RawObject]:
    """The same conversation in which no role speaks twice in a row, where texts allow it."""
    kept: list[RawObject] = []
    for message in messages:
        last = kept[-1] if kept else None
        if last is not None and _is_same_speaker(last, message):
            said = [_decode_text(m["content"]) for m in (last, message)]
            last["content"] = Raw(dumps("\n\n".join(text for text in said if text)))
        else:
            kept.append(message)
    return kept


def _is_same_speaker(last: RawObject, message: RawObject) -> bool:
    return (
        last.get("role") == message.get("role")
        and last.keys() <= {"role", "content"}
        and message.keys() <= {"role", "content"}
        and all(bytes(m.get("content", b"")).startswith(b'"') for m in (last, message))
    )
