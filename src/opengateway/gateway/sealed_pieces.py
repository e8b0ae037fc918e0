"""Sealing what is larger than a secret box takes at once: in pieces, each bound to its place."""

from __future__ import annotations

from typing import Final

import msgspec

from opengateway.ports.secret_box import SecretBox, Unsealable

PIECE_BYTES: Final = 128 * 1024
_pack = msgspec.msgpack.Encoder().encode
_unpack = msgspec.msgpack.Decoder(list[bytes]).decode


def sealed(box: SecretBox, purpose: str, plain: bytes) -> bytes:
    starts = range(0, len(plain), PIECE_BYTES)
    return _pack(
        [
            box.seal(plain[start : start + PIECE_BYTES], f"{purpose}:{at}/{len(starts)}")
            for at, start in enumerate(starts)
        ]
    )


def opened(box: SecretBox, purpose: str, value: bytes) -> bytes:
    """Raises `Unsealable` for what was damaged, moved, or sealed under a key that is gone."""
    try:
        pieces = _unpack(value)
    except msgspec.MsgspecError as error:
        raise Unsealable("this is not a list of sealed pieces") from error
    return b"".join(
        box.open(piece, f"{purpose}:{at}/{len(pieces)}") for at, piece in enumerate(pieces)
    )
