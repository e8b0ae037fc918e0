"""What another vendor signed, in the one place that this shape has for it: `encrypted_content`.

A caller of this shape sends a reasoning item back as it came, so that a signature of Claude's or
Gemini's survives a tool loop. OpenAI's own content is never wrapped. Nothing here is a secret of
ours: a carrier holds what the vendor gave for the caller to keep, and the vendor checks it.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final

import msgspec

from opengateway.domain.origins import OPENAI

_PREFIX: Final = "ogr1."
MAX_CHARACTERS: Final = 4 * 1024 * 1024


class Seal(msgspec.Struct, frozen=True, omit_defaults=True):
    """Whose it is, and what closes the block. `call_id`: see `canonical.Reasoning`."""

    origin: str = msgspec.field(name="o")
    signature: str | None = msgspec.field(name="s", default=None)
    encrypted: str | None = msgspec.field(name="e", default=None)
    call_id: str | None = msgspec.field(name="c", default=None)


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Seal).decode


def carried(seal: Seal) -> str | None:
    """The seal as `encrypted_content`; None where there is nothing to carry."""
    if seal.origin == OPENAI and seal.signature is None and seal.call_id is None:
        return seal.encrypted
    if seal.signature is None and seal.encrypted is None:
        return None
    return _PREFIX + urlsafe_b64encode(_encode(seal)).decode().rstrip("=")


def seal_in(content: str) -> Seal:
    """What `encrypted_content` holds. What is not a carrier of ours is OpenAI's own."""
    if not content.startswith(_PREFIX) or len(content) > MAX_CHARACTERS:
        return Seal(OPENAI, encrypted=content)
    text = content[len(_PREFIX) :]
    try:
        return _decode(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:  # changed on its way: the vendor would not take it
        return Seal("")
