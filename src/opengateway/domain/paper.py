"""What stands on a paper, before it is laid out: words and rows, no places."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Party:
    heading: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PaperTable:
    """The first column is words; the others are amounts, set to the right."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Paper:
    title: str
    facts: tuple[tuple[str, str], ...]
    parties: tuple[Party, ...]
    tables: tuple[PaperTable, ...]
    totals: tuple[tuple[str, str], ...]
    """The last one is the sum, and set off."""
    notes: tuple[str, ...] = ()
    locale: str = "en"
    made_at_ns: int = 0
    author: str = field(default="")
