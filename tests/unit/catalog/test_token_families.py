from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

import pytest

from opengateway.catalog.loader import load_catalogue
from opengateway.catalog.token_families import parse_families, token_families
from opengateway.infra.tokens import TiktokenCounter

ROOT = Path(__file__).resolve().parents[3]


@cache
def calibration() -> ModuleType:
    """The tool that made the numbers."""
    spec = importlib.util.spec_from_file_location(
        "calibrate_tokens", ROOT / "tools/calibrate_tokens.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@cache
def small_ratios(encoding: str) -> dict[str, list[float]]:
    """Tokens per byte of chunks of what lies in the checkout, and of what can be made."""
    tool, counter = calibration(), TiktokenCounter()
    texts = tool.natural_text(machine=False) | tool.made_text(100_000)
    found: dict[str, list[float]] = tool.ratios(
        texts, 300, lambda text: counter.count([text], encoding)
    )
    return found


@pytest.mark.parametrize(
    ("encoding", "model"), [("o200k_base", "openai/gpt-4o"), ("cl100k_base", "openai/gpt-4")]
)
def test_a_hold_covers_999_of_1000_texts(encoding: str, model: str) -> None:
    family = token_families().of(model)
    assert family.encoding == encoding
    every = [ratio for each in small_ratios(encoding).values() for ratio in each]
    short = sum(ratio > family.hold_tokens_per_byte for ratio in every)
    assert len(every) == 3000
    assert short <= len(every) // 1000
    assert family.hold_tokens_per_byte <= max(every) + 0.03, "and holds no more than it must"


@pytest.mark.parametrize(
    ("encoding", "model"), [("o200k_base", "openai/gpt-4o"), ("cl100k_base", "openai/gpt-4")]
)
def test_an_estimate_is_near_the_truth_of_everyday_text(encoding: str, model: str) -> None:
    ratios = small_ratios(encoding)
    everyday = sorted(r for name in calibration().EVERYDAY for r in ratios[name])
    median = 1 / everyday[len(everyday) // 2]
    assert token_families().of(model).bytes_per_token == pytest.approx(median, rel=0.15)


def test_what_is_not_known_is_held_with_more_and_never_counted_with_another_s_tokenizer() -> None:
    known = token_families().of("openai/gpt-5")
    for model in ("anthropic/claude-opus-5", "google/gemini-3.8-flash", "qwen/qwen-plus", "lab/x"):
        family = token_families().of(model)
        assert family.encoding == ""
        assert known.hold_tokens_per_byte <= family.hold_tokens_per_byte <= 1.0
        assert family.bytes_per_token < known.bytes_per_token


def test_every_model_of_openai_s_in_the_catalogue_has_its_own_encoding() -> None:
    catalogue = load_catalogue().models.items()
    models = [name for name, model in catalogue if name.startswith("openai/") and not model.kind]
    assert models
    assert {token_families().of(m).encoding for m in models} == {"o200k_base"}


@pytest.mark.parametrize(
    ("models", "measured_with", "message"),
    [('["*"]', "gpt2", "names no encoding"), ('["a/*"]', "o200k_base", "last family")],
)
def test_a_broken_table_is_refused(models: str, measured_with: str, message: str) -> None:
    text = f"""
    measured_on = "2026-01-01"
    corpus = "none"
    ceiling = 1.0
    [encodings.o200k_base]
    bytes_per_token = 4.0
    hold_tokens_per_byte = 0.9
    [families.x]
    models = {models}
    measured_with = "{measured_with}"
    """
    with pytest.raises(ValueError, match=message):
        parse_families(text)
