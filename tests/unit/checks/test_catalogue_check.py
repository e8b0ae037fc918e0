from __future__ import annotations

import json

import pytest

from opengateway.catalog.loader import load_catalogue
from opengateway.checks.catalogue import check, list_models


def test_check_says_how_much_is_sound(capsys: pytest.CaptureFixture[str]) -> None:
    assert check() == 0
    shown = capsys.readouterr()
    assert shown.out.startswith(f"{len(load_catalogue().models)} models, ")
    assert shown.err == ""


def test_the_list_as_json_holds_exact_prices_with_date_and_source(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list_models(as_json=True) == 0
    rows = {row["id"]: row for row in json.loads(capsys.readouterr().out)["data"]}
    assert set(rows) == set(load_catalogue().models)
    groq = next(e for e in rows["openai/gpt-oss-120b"]["endpoints"] if e["provider"] == "groq")
    assert groq["price"]["input_tokens"] == "0.15"
    assert groq["price"]["cache_read_tokens"] == "0.075"
    assert groq["price"]["reasoning_tokens"] == groq["price"]["output_tokens"] == "0.6"
    assert groq["effective_from"] == "2026-11-01"
    assert groq["price_id"].startswith("openai/gpt-oss-120b:groq:openai/gpt-oss-120b@2026-11-01#")
    assert all(row["context"] and row["endpoints"] for row in rows.values())
    assert all(row["capabilities"] for row in rows.values() if row["kind"] == "chat")
    heard = rows["openai/whisper-1"]["endpoints"][0]["price"]
    assert heard == {"seconds": "100"}


def test_the_list_for_people_has_a_line_for_each_endpoint(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert list_models(as_json=False) == 0
    lines = capsys.readouterr().out.splitlines()
    endpoints = sum(len(m.endpoints) for m in load_catalogue().models.values())
    assert len(lines) == endpoints + 1
    assert any("(price sources differ)" in line for line in lines)
