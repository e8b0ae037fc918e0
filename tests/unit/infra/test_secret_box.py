from __future__ import annotations

import pytest

from opengateway.infra.secret_box import MAX_BYTES, AesSecretBox
from opengateway.ports.secret_box import Unsealable

OLD, NEW = b"1" * 32, b"2" * 32


def test_what_was_sealed_is_opened_for_the_same_purpose_alone() -> None:
    box = AesSecretBox({1: OLD})
    sealed = box.seal(b"a secret", "totp:usr_1")
    assert b"a secret" not in sealed
    assert box.open(sealed, "totp:usr_1") == b"a secret"
    for purpose in ("totp:usr_2", "mail:usr_1", ""):
        with pytest.raises(Unsealable):
            box.open(sealed, purpose)


def test_the_same_secret_is_never_sealed_alike() -> None:
    box = AesSecretBox({1: OLD})
    assert len({box.seal(b"x", "p") for _ in range(100)}) == 100


def test_every_single_changed_bit_is_found() -> None:
    box = AesSecretBox({1: OLD})
    sealed = box.seal(b"secret", "p")
    for at in range(len(sealed)):
        for bit in (0x01, 0x80):
            bent = bytearray(sealed)
            bent[at] ^= bit
            with pytest.raises(Unsealable):
                box.open(bytes(bent), "p")
    for cut in range(len(sealed)):
        with pytest.raises(Unsealable):
            box.open(sealed[:cut], "p")


def test_a_new_key_seals_and_the_old_one_still_opens() -> None:
    before = AesSecretBox({1: OLD}).seal(b"x", "p")
    box = AesSecretBox({1: OLD, 2: NEW})
    assert box.open(before, "p") == b"x"
    after = box.seal(b"x", "p")
    with pytest.raises(Unsealable, match="key 2, which is not here"):
        AesSecretBox({1: OLD}).open(after, "p")
    with pytest.raises(Unsealable):
        AesSecretBox({1: NEW}).open(before, "p")


def test_it_is_bounded_and_wants_whole_keys() -> None:
    box = AesSecretBox({1: OLD})
    assert box.open(box.seal(b"x" * MAX_BYTES, "p"), "p")
    with pytest.raises(ValueError, match="cannot be sealed"):
        box.seal(b"x" * (MAX_BYTES + 1), "p")
    for keys in ({}, {1: b"short"}):
        with pytest.raises(ValueError, match="keys of 32 bytes"):
            AesSecretBox(keys)
