"""The weekly report as a page: figures beside those of the week before, and room for judgement."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from opengateway.checks.report.figures import DAY_NS, Figures, Sums
from opengateway.domain.money import nanos_to_usd


class WeeklySources(msgspec.Struct):
    """Everything the page is made of. Rows are as the control API gives them."""

    zone: str
    from_ns: int
    until_ns: int
    week: Any
    before: Any
    """`Figures` of this week and of the one before."""
    smoke_runs: Sequence[dict[str, Any]]
    proposals: Sequence[dict[str, Any]]
    prices: Sequence[dict[str, Any]]
    """Rows that were added to the database."""
    flagged: Sequence[tuple[str, str]]
    """(endpoint, sources) whose two price sources differ."""
    ledger: dict[str, int]
    """Invariant to how many rows break it; empty where nothing is billed."""


def document(sources: WeeklySources) -> dict[str, Any]:
    """The report for programs."""
    week: Figures = sources.week
    return {
        "zone": sources.zone,
        "from": _day(sources.from_ns),
        "until": _day(sources.until_ns),
        "traffic": {
            **_sums(week.total),
            "teams": len(week.teams),
            "by_day": {_day(day * DAY_NS): _sums(s) for day, s in sorted(week.days.items())},
            "by_model": _ranked(week.models),
            "by_provider": _ranked(week.providers),
        },
        "before": _sums(sources.before.total),
        "reliability": {
            "answered_share": _share(week.total),
            "endings": dict(week.endings),
            "errors": dict(week.errors.most_common(20)),
            "failovers": dict(week.failovers),
            "total_ms": _percentiles(week.total_ms),
            "first_token_ms": _percentiles(week.first_ms),
            "overhead_ms": _percentiles(week.overhead_ms),
        },
        "models": _changes(week, sources.before),
        "prices": {"added": list(sources.prices), "differ": [list(f) for f in sources.flagged]},
        "capabilities": list(sources.proposals),
        "smoke": {"runs": list(sources.smoke_runs), **_sums(week.own)},
        "incidents": _incidents(week, sources.ledger),
    }


def page(sources: WeeklySources) -> str:
    """The report for people, Markdown."""
    told = document(sources)
    week, before = sources.week.total, sources.before.total
    lines = [
        f"# Week of zone {told['zone']}: {told['from']} to {told['until']}",
        "",
        "| | This week | Before |",
        "|---|---|---|",
        f"| requests | {week.requests:,} | {before.requests:,} |",
        f"| teams | {len(sources.week.teams):,} | {len(sources.before.teams):,} |",
        f"| answered | {_percent(_share(week))} | {_percent(_share(before))} |",
        f"| charged, USD | {nanos_to_usd(week.charged)} | {nanos_to_usd(before.charged)} |",
        f"| providers take, USD | {nanos_to_usd(week.cost)} | {nanos_to_usd(before.cost)} |",
        f"| margin, USD | {nanos_to_usd(week.margin)} | {nanos_to_usd(before.margin)} |",
        f"| cost not known, requests | {week.cost_unknown:,} | {before.cost_unknown:,} |",
        f"| tokens in | {week.input_tokens:,} | {before.input_tokens:,} |",
        f"| of these from caches | {_percent(_cached(week))} | {_percent(_cached(before))} |",
        f"| tokens out | {week.output_tokens:,} | {before.output_tokens:,} |",
        "",
        *_table("Models", sources.week.models),
        *_table("Providers", sources.week.providers),
        *_reliability(told["reliability"]),
        *_list("Models first used", told["models"]["first_used"]),
        *_list("Models no longer used", told["models"]["no_longer_used"]),
        *_list("Prices added", (f"{p['name']}" for p in sources.prices)),
        *_list("Prices whose sources differ", (f"{e}: {s}" for e, s in sources.flagged)),
        *_list(
            "Capabilities that drifted",
            (f"{p['state']}: {p['change']} ({p['detail']})" for p in sources.proposals),
        ),
        *_smoke(sources),
        *_list("Incidents", told["incidents"]),
        "## Judgement",
        "",
        "(ten lines: what matters of the above, and what is done about it)",
        "",
    ]
    return "\n".join(lines)


def _smoke(sources: WeeklySources) -> list[str]:
    runs = [
        f"{_day(r['started_at_ns'])} {r['level']}: {r['passed']} of {r['planned']} passed,"
        f" {r['failed']} failed, {r['unavailable']} unavailable, {r['skipped']} skipped"
        for r in sources.smoke_runs
        if r["level"] != "live"
    ]
    live = [r for r in sources.smoke_runs if r["level"] == "live"]
    if live:
        bad = sum(1 for r in live if r["failed"] or r["unavailable"] or r["state"] != "done")
        runs.append(f"live: {len(live)} runs, {bad} of them with something bad")
    runs.append(f"providers take for tests: {nanos_to_usd(sources.week.own.cost)} USD")
    return _list("Smoke tests", runs)


def _incidents(week: Figures, ledger: dict[str, int]) -> list[str]:
    found = []
    if void := week.endings.get("void", 0):
        found.append(f"{void} requests ended with their gateway")
    if bugs := week.endings.get("failed", 0):
        found.append(f"{bugs} requests ended by a mistake of ours")
    if broke := week.endings.get("upstream_broke", 0):
        found.append(f"{broke} answers broke off after they had begun")
    found += [f"{rows} rows break {name} of the ledger" for name, rows in ledger.items() if rows]
    return found


def _reliability(told: dict[str, Any]) -> list[str]:
    lines = ["## Reliability", "", "| | p50 | p95 | p99 |", "|---|---|---|---|"]
    for name in ("total_ms", "first_token_ms", "overhead_ms"):
        found = told[name]
        cells = " | ".join(
            "-" if found[p] is None else f"{found[p]:,.1f}" for p in ("p50", "p95", "p99")
        )
        lines.append(f"| {name} | {cells} |")
    lines.append("")
    lines += _list("Errors", (f"{code}: {n:,}" for code, n in told["errors"].items()))
    lines += _list("Failovers", (f"{why}: {n:,}" for why, n in told["failovers"].items()))
    return lines


def _table(title: str, named: dict[str, Sums]) -> list[str]:
    lines = [f"## {title}", "", "| | Requests | Answered | Charged, USD | Margin, USD |"]
    lines.append("|---|---|---|---|---|")
    ranked = sorted(named.items(), key=lambda one: -one[1].charged)[:15]
    lines += [
        f"| {name} | {s.requests:,} | {_percent(_share(s))} | {nanos_to_usd(s.charged)}"
        f" | {nanos_to_usd(s.margin)} |"
        for name, s in ranked
    ]
    return [*lines, ""]


def _list(title: str, entries: Iterable[str]) -> list[str]:
    found = [f"- {entry}" for entry in entries]
    return [f"## {title}", "", *(found or ["- none"]), ""]


def _changes(week: Figures, before: Figures) -> dict[str, list[str]]:
    now, then = set(week.models) - {"none"}, set(before.models) - {"none"}
    return {"first_used": sorted(now - then), "no_longer_used": sorted(then - now)}


def _ranked(named: dict[str, Sums]) -> dict[str, Any]:
    ranked = sorted(named.items(), key=lambda one: -one[1].charged)
    return {name: _sums(sums) for name, sums in ranked}


def _sums(sums: Sums) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(sums)
    return {**plain, "margin": sums.margin}


def _share(sums: Sums) -> float | None:
    return sums.answered / sums.requests if sums.requests else None


def _cached(sums: Sums) -> float | None:
    return sums.cached_tokens / sums.input_tokens if sums.input_tokens else None


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"


def _percentiles(times: Any) -> dict[str, float | None]:
    return {f"p{p}": times.percentile(p) for p in (50, 95, 99)}


def _day(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).date().isoformat()
