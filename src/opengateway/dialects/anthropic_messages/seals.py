"""Other vendors' seals within this dialect's two carriers, `signature` and `redacted_thinking`.

Clients of this dialect keep both unread and send them back in place; that is what lets a signature
of Google's or OpenAI's encrypted reasoning survive a loop of tools with them. The text begins with
`og1.`, which no signature of the vendor's own does, so that it is never shown to that vendor.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

import msgspec

from opengateway.domain.canonical import Reasoning
from opengateway.domain.events import ReasoningSeal

PREFIX: Final = "og1."


class _Carried(msgspec.Struct, omit_defaults=True):
    o: str
    s: str | None = None
    e: str | None = None
    c: str | None = None
    m: bool = False


_decode = msgspec.msgpack.Decoder(_Carried).decode
_encode = msgspec.msgpack.Encoder().encode


def carried(seal: ReasoningSeal, *, summary: bool = False) -> str:
    """The seal as one word."""
    inner = _Carried(seal.origin, seal.signature, seal.encrypted, seal.call_id, summary)
    return PREFIX + base64.urlsafe_b64encode(_encode(inner)).decode()


def is_carried(word: str | None) -> bool:
    return word is not None and word.startswith(PREFIX)


def reasoning_of(text: str, word: str) -> Reasoning:
    """The block that a carried seal is of. What was mangled on the way is a text without a seal."""
    try:
        raw = base64.b64decode(word.removeprefix(PREFIX), altchars=b"-_", validate=True)
        inner = _decode(raw)
    except (binascii.Error, ValueError, msgspec.MsgspecError):
        return Reasoning(text=text)
    return Reasoning(
        text=text,
        summary=inner.m,
        signature=inner.s,
        encrypted=inner.e,
        origin=inner.o or None,
        call_id=inner.c,
    )
