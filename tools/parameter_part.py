"""The page of parameters: what becomes of each at each provider, as the wires themselves do it."""

from __future__ import annotations

from collections.abc import Iterator

from opengateway.compose.parameter_table import Outcome, Row, parameter_rows

_TOLD = (
    Outcome.RENAMED,
    Outcome.CLAMPED,
    Outcome.EMULATED,
    Outcome.DROPPED,
    Outcome.REFUSED,
)
"""What is worth a column. All else is done as it was asked, if need be in the vendor's words."""


def parameters_part() -> str:
    by_provider: dict[str, list[Row]] = {}
    for row in parameter_rows():
        by_provider.setdefault(row.provider.id, []).append(row)
    lines: list[str] = []
    for rows in sorted(by_provider.values(), key=lambda found: found[0].provider.name.lower()):
        lines += _section(rows)
    return "\n".join(lines)


def _section(rows: list[Row]) -> Iterator[str]:
    groups: dict[tuple[tuple[str, Outcome], ...], list[str]] = {}
    for row in rows:
        told = tuple((label, o) for label, o in row.outcomes.items() if o in _TOLD)
        groups.setdefault(told, []).append(row.family)
    yield f"## {rows[0].provider.name}"
    yield ""
    for told, families in groups.items():
        if len(groups) > 1:
            names = ", ".join(f"`{family}...`" for family in families if family)
            others = "all others" if "" in families else ""
            yield f"**{' and '.join(part for part in (names, others) if part)}**"
            yield ""
        yield from _lines(dict(told))
        yield ""


def _lines(told: dict[str, Outcome]) -> Iterator[str]:
    if not told:
        yield "Everything as it was asked."
        return
    yield "| | |"
    yield "|---|---|"
    for outcome in _TOLD:
        names = [f"`{label}`" for label, found in told.items() if found is outcome]
        if names:
            yield f"| {outcome.value} | {', '.join(names)} |"
