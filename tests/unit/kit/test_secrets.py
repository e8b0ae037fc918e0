from __future__ import annotations

import pytest

from opengateway.kit.secrets import (
    INFERENCE_PREFIX,
    MANAGEMENT_PREFIX,
    digest,
    hint,
    is_well_formed,
    new_secret,
)


@pytest.mark.parametrize("prefix", [INFERENCE_PREFIX, MANAGEMENT_PREFIX])
def test_a_new_key_is_well_formed_and_never_repeats(prefix: str) -> None:
    made = {new_secret(prefix, "test") for _ in range(50)}
    assert len(made) == 50
    assert all(is_well_formed(s) and s.startswith(prefix) and len(s) == 46 for s in made)


def test_any_single_mistyped_character_is_seen() -> None:
    secret = new_secret(INFERENCE_PREFIX, "test")
    for at in range(len(INFERENCE_PREFIX), len(secret)):
        other = "a" if secret[at] != "a" else "b"
        assert not is_well_formed(secret[:at] + other + secret[at + 1 :])


@pytest.mark.parametrize("text", ["", "og_live_", "sk-" + "a" * 43, "og_live_" + "é" * 38])
def test_what_is_not_a_key_is_not_taken_for_one(text: str) -> None:
    assert not is_well_formed(text)


def test_the_digest_depends_on_the_pepper() -> None:
    secret = new_secret(INFERENCE_PREFIX, "test")
    assert digest(secret, b"a" * 32) != digest(secret, b"b" * 32)
    assert len(digest(secret, b"a" * 32)) == 32


def test_a_hint_gives_the_prefix_and_four_characters() -> None:
    secret = new_secret(INFERENCE_PREFIX, "test")
    assert hint(secret) == f"og_live_...{secret[-4:]}"
