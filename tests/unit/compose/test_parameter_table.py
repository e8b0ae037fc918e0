"""What becomes of each parameter, at every provider and family: never lost in silence."""

from __future__ import annotations

import pytest

from opengateway.catalog.loader import load_catalogue
from opengateway.compose.parameter_table import PROBES, Outcome, Row, parameter_rows

ROWS = list(parameter_rows())
MEANING = [probe.label for probe in PROBES if probe.changes_meaning]
_LOST = (Outcome.SILENT, Outcome.DROPPED, Outcome.CLAMPED)


def of(provider: str, family: str = "") -> Row:
    return next(r for r in ROWS if (r.provider.id, r.family) == (provider, family))


def test_every_provider_of_the_catalogue_has_a_row() -> None:
    assert {row.provider.id for row in ROWS} == set(load_catalogue().providers)


def test_nothing_is_ever_left_out_in_silence() -> None:
    silent = [
        f"{row.provider.id} {row.family}: {label}"
        for row in ROWS
        for label, outcome in row.outcomes.items()
        if outcome is Outcome.SILENT
    ]
    assert silent == []


@pytest.mark.parametrize("label", MEANING)
def test_what_changes_an_answer_s_meaning_is_done_or_refused(label: str) -> None:
    lost = [f"{r.provider.id} {r.family}" for r in ROWS if r.outcomes[label] in _LOST]
    assert lost == []


@pytest.mark.parametrize(
    ("provider", "family", "label", "outcome"),
    [
        ("openai", "gpt-4", "max_tokens", Outcome.RENAMED),
        ("openai", "gpt-4", "temperature", Outcome.PASSED),
        ("openai", "o3", "temperature", Outcome.DROPPED),
        ("groq", "", "n", Outcome.REFUSED),
        ("groq", "", "logit_bias", Outcome.DROPPED),
        ("deepseek", "", "json_schema", Outcome.EMULATED),
        ("deepseek", "", "parallel_tool_calls", Outcome.DROPPED),
        ("anthropic", "claude-sonnet-4-5", "temperature above 1", Outcome.CLAMPED),
        ("anthropic", "claude-sonnet-4-5", "stop", Outcome.TRANSLATED),
        ("anthropic", "claude-3", "json_schema", Outcome.EMULATED),
        ("google", "gemini-2.5", "json_schema with tools", Outcome.EMULATED),
        ("google", "gemini-2.5", "safety_identifier", Outcome.DROPPED),
        ("openai", "gpt-4", "metadata", Outcome.KEPT),
    ],
)
def test_each_kind_of_outcome_is_told_from_the_others(
    provider: str, family: str, label: str, outcome: Outcome
) -> None:
    assert of(provider, family).outcomes[label] is outcome
