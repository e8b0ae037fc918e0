"""Holds of long texts, beside the tokens that they really have."""

from __future__ import annotations

import random
from functools import cache

import msgspec
import pytest

from opengateway.catalog.token_families import token_families
from opengateway.dialects.openai_chat import decode
from opengateway.domain.catalog import Endpoint
from opengateway.gateway.density import made_share
from opengateway.gateway.pricing import input_bound
from opengateway.infra.tokens import TiktokenCounter
from opengateway.kit.json import dumps
from unit.catalog.test_token_families import calibration
from unit.gateway.fakes import endpoint

ENCODINGS = [("o200k_base", "openai/gpt-5"), ("cl100k_base", "openai/gpt-4")]
LONG = 200_000


@cache
def texts() -> dict[str, str]:
    """Natural and made classes, each `LONG` bytes; what there is less of stands several times."""
    tool = calibration()
    found = tool.natural_text(machine=False) | tool.made_text(LONG)
    return {
        name: (text * (LONG // len(text.encode()) + 1)).encode()[:LONG].decode("utf-8", "ignore")
        for name, text in found.items()
    }


def held_at(model: str) -> Endpoint:
    family = token_families().of(model)
    return msgspec.structs.replace(
        endpoint("lab", context=10_000_000),
        hold_tokens_per_byte=family.hold_tokens_per_byte,
        hold_tokens_per_byte_beyond=family.hold_tokens_per_byte_beyond,
    )


def bound_of(text: str, at: Endpoint) -> int:
    body = dumps({"model": "m", "messages": [{"role": "user", "content": text}]})
    return input_bound(decode(body, {}), at)


@pytest.mark.parametrize(("encoding", "model"), ENCODINGS)
def test_a_long_text_of_any_class_is_covered(encoding: str, model: str) -> None:
    counter, at = TiktokenCounter(), held_at(model)
    for name, text in texts().items():
        assert bound_of(text, at) >= counter.count([text], encoding), name


@pytest.mark.parametrize(("encoding", "model"), ENCODINGS)
def test_a_long_text_of_people_is_held_at_about_twice_its_tokens(encoding: str, model: str) -> None:
    counter, at = TiktokenCounter(), held_at(model)
    for name in calibration().EVERYDAY:
        text = texts()[name]
        assert bound_of(text, at) <= 2.6 * counter.count([text], encoding), name


def test_mixtures_of_written_and_made_text_are_covered() -> None:
    counter, at, chance = TiktokenCounter(), held_at("openai/gpt-5"), random.Random(7)
    short: list[float] = []
    for _ in range(40):
        pieces = []
        for _ in range(chance.randrange(2, 12)):
            text = texts()[chance.choice(sorted(texts()))]
            size = chance.randrange(500, 40_000)
            start = chance.randrange(max(1, len(text) - size))
            pieces.append(text[start : start + size])
        mixed = "".join(pieces)
        short.append(bound_of(mixed, at) / counter.count([mixed], "o200k_base"))
    assert min(short) >= 0.97
    assert sum(ratio < 1 for ratio in short) <= 1


def test_what_was_made_is_told_from_what_was_written() -> None:
    shares = {name: made_share(memoryview(text.encode())) for name, text in texts().items()}
    made = calibration().made_text(10)
    for name, share in shares.items():
        assert share >= 0.9 if name in made else share <= 0.05, name
