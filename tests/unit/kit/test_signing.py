from __future__ import annotations

import pytest

from opengateway.kit.signing import new_keypair, sign, verify

PAYLOAD = b'{"zone":"kr"}\nsecond line'


def test_what_was_signed_is_given_back_whole() -> None:
    private, public = new_keypair()
    blob = sign(PAYLOAD, private)
    assert blob.startswith(b"ogs1 ")
    assert blob[5 + 128 : 5 + 129] == b"\n"
    assert verify(blob, public) == PAYLOAD


def test_no_byte_can_be_changed_cut_or_added() -> None:
    private, public = new_keypair()
    blob = sign(b"{}", private)
    for at in range(len(blob)):
        changed = bytearray(blob)
        changed[at] ^= 1
        with pytest.raises(ValueError):
            verify(bytes(changed), public)
    for wrong in (blob[:-1], blob + b" ", b"", b"ogs1 ", blob[6:]):
        with pytest.raises(ValueError):
            verify(wrong, public)


def test_another_key_does_not_pass() -> None:
    private, _ = new_keypair()
    _, other = new_keypair()
    with pytest.raises(ValueError, match="signature"):
        verify(sign(PAYLOAD, private), other)


def test_a_bad_private_key_is_not_quoted_in_the_error() -> None:
    with pytest.raises(ValueError) as caught:
        sign(PAYLOAD, "abcd" * 20)
    assert "abcd" not in str(caught.value)
