"""The first sections of the docs are whole in every language, and say what the English pages say."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))
from tools import docs_translations


def test_no_page_of_the_first_sections_is_missing_or_stale_in_any_language() -> None:
    assert len(docs_translations.whole_pages()) >= 15
    assert list(docs_translations.wrong()) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda text: text + "\nOne more sentence.\n", "is stale"),
        (lambda text: text + "\n## One more\n", "its headings"),
        (lambda text: text.replace("| `rpm` |", "| `rpm` | x |", 1), "its rows of tables"),
        (lambda text: text.replace("curl http", "curl -v http", 1), "its code"),
        (lambda text: text.replace("/docs/reference/errors/", "/docs/reference/api/"), "its links"),
    ],
)
def test_a_change_of_an_english_page_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: object, told: str
) -> None:
    page = "features/limits.md"
    for place in ("", "ko", "ja"):
        copy = tmp_path / place / page
        copy.parent.mkdir(parents=True)
        copy.write_bytes((docs_translations.PAGES / place / page).read_bytes())
    assert callable(change)
    monkeypatch.setattr(docs_translations, "PAGES", tmp_path)
    monkeypatch.setattr(docs_translations, "whole_pages", lambda: [page])
    assert list(docs_translations.wrong()) == []
    (tmp_path / page).write_text(change((tmp_path / page).read_text()))
    found = list(docs_translations.wrong())
    assert any(told in line for line in found), found


def test_a_missing_translation_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docs_translations, "whole_pages", lambda: ["operate/backup.md"])
    assert list(docs_translations.wrong())[:2] == [
        "ko/operate/backup.md is missing",
        "ja/operate/backup.md is missing",
    ]
