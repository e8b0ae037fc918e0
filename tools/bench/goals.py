"""The goals as ratios to peers of the same run, and the tables that are printed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

Medians = Mapping[str, Mapping[str, float]]
ALWAYS = ("direct", "opengateway", "unbilled", "servers", "portkey", "litellm", "nginx")


@dataclass(frozen=True, slots=True)
class Goal:
    """Ours over the peer's must be at most `must` (at least, for a rate). `beside` names another
    figure of our own that stands in for the peer's."""

    figure: str
    peer: str
    must: Fraction
    stretch: Fraction | None = None
    at_least: bool = False
    beside: str | None = None


def _goal(figure: str, peer: str, must: str, stretch: str = "", *, at_least: bool = False) -> Goal:
    wish = Fraction(stretch) if stretch else None
    return Goal(figure, peer, Fraction(must), wish, at_least)


GOALS = (
    _goal("cpu_us_per_request", "portkey", "1/14", "1/22"),
    _goal("cpu_us_per_request", "litellm", "1/100", "1/150"),
    _goal("cpu_us_per_request", "nginx", "9", "6"),
    _goal("rps", "portkey", "11", "17", at_least=True),
    _goal("rps", "litellm", "90", "140", at_least=True),
    _goal("rps", "nginx", "1/8", "1/5", at_least=True),
    _goal("added_p50_ms", "portkey", "1/5", "1/9"),
    _goal("added_p99_ms", "portkey", "1/8", "1/12"),
    _goal("added_p50_ms_at_slow_rate", "litellm", "1/40", "1/60"),
    _goal("added_p99_ms_at_slow_rate", "litellm", "1/20", "1/40"),
    _goal("cpu_us_per_event", "portkey", "2/5", "2/7"),
    _goal("cpu_us_per_event", "litellm", "1/18", "1/24"),
    _goal("cpu_us_per_event", "nginx", "3", "21/10"),
    Goal(
        "cpu_us_per_event_translated",
        "opengateway",
        Fraction(3, 2),
        beside="cpu_us_per_event",
    ),
    _goal("added_ttft_p50_ms", "portkey", "1/25"),
    _goal("added_ttft_p50_ms", "litellm", "1/20", "1/30"),
    _goal("rss_idle_mb", "portkey", "13/20"),
    _goal("rss_idle_mb", "litellm", "1/5", "1/7"),
    _goal("rss_loaded_mb", "portkey", "2/5"),
    _goal("rss_loaded_mb", "litellm", "1/5", "1/7"),
    _goal("cold_start_s", "portkey", "6/5", "7/10"),
    _goal("cold_start_s", "litellm", "1/12", "1/20"),
)


def verdicts(found: Medians) -> list[list[str]]:
    """A line for each goal whose peer was measured: figure, ours, theirs, ratio, goals, verdict."""
    lines = []
    for goal in GOALS:
        ours = found.get("opengateway", {}).get(goal.figure)
        theirs = found.get(goal.peer, {}).get(goal.beside or goal.figure)
        if ours is None or theirs is None:
            continue
        against = f"own {goal.beside}" if goal.beside else goal.peer
        lines.append(
            [
                goal.figure,
                against,
                number(ours),
                number(theirs),
                ratio(ours / theirs) if theirs > 0 else "-",
                _bound(goal, goal.must),
                _bound(goal, goal.stretch) if goal.stretch else "-",
                _verdict(goal, ours, theirs),
            ]
        )
    return lines


SPENDING_HEAD = ("figure", "with", "without", "measured", "goal", "")
_SPENDING = "cpu_us_per_request_gateway"


def spending(found: Medians) -> dict[str, float]:
    """What holds, limits and budgets take of the gateway's CPU, and what servers leave of the
    embedded stores' throughput; empty where neither was measured."""
    ours, told = found.get("opengateway", {}), {}
    if "unbilled" in found and _SPENDING in ours:
        told["spending_share"] = 1 - found["unbilled"][_SPENDING] / ours[_SPENDING]
    if "servers" in found and ours.get("rps"):
        told["servers_throughput"] = found["servers"]["rps"] / ours["rps"]
    return told


def spending_verdicts(found: Medians) -> list[list[str]]:
    told = spending(found)
    lines = []
    if (share := told.get("spending_share")) is not None:
        pair = [number(found[name][_SPENDING]) for name in ("opengateway", "unbilled")]
        met = "met" if share <= 0.15 else "NOT MET"
        lines.append(["gateway CPU us/request", *pair, f"{share:.1%} of it", "<= 15%", met])
    if (left := told.get("servers_throughput")) is not None:
        pair = [number(found[name]["rps"]) for name in ("servers", "opengateway")]
        met = "met" if left >= 0.8 else "NOT MET"
        lines.append(["requests/s with servers", *pair, f"{left:.1%} of it", ">= 80%", met])
    return lines


def _verdict(goal: Goal, ours: float, theirs: float) -> str:
    def holds(bound: Fraction) -> bool:
        limit = theirs * float(bound)
        return ours >= limit if goal.at_least else ours <= limit

    if goal.stretch is not None and holds(goal.stretch):
        return "met, stretch too"
    return "met" if holds(goal.must) else "NOT MET"


def _bound(goal: Goal, bound: Fraction) -> str:
    return f"{'>=' if goal.at_least else '<='} {ratio(float(bound))}"


def ratio(value: float) -> str:
    """As people say it: `1/14.2` below one half, `0.65x` and `11x` above."""
    if value <= 0:
        return f"{value:.2f}x"
    if value < 0.5:
        return f"1/{1 / value:.3g}"
    return f"{value:.3g}x"


def number(value: float | None) -> str:
    if value is None:
        return "-"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 20 else f"{value:.2f}"


FIGURE_NAMES = (
    ("CPU us/request", "cpu_us_per_request"),
    ("requests/s", "rps"),
    ("added p50 ms", "added_p50_ms"),
    ("added p99 ms", "added_p99_ms"),
    ("at 40/s p50", "added_p50_ms_at_slow_rate"),
    ("at 40/s p99", "added_p99_ms_at_slow_rate"),
    ("CPU us/event", "cpu_us_per_event"),
    ("translated", "cpu_us_per_event_translated"),
    ("added TTFT p50 ms", "added_ttft_p50_ms"),
    ("RSS idle MB", "rss_idle_mb"),
    ("RSS loaded MB", "rss_loaded_mb"),
    ("cold start s", "cold_start_s"),
)
GOAL_HEAD = ("figure", "against", "ours", "theirs", "ratio", "goal", "stretch", "")


def figures(found: Medians) -> list[list[str]]:
    """A line for each target, in a fixed order."""
    order = [name for name in ALWAYS if name in found]
    return [[name, *(number(found[name].get(key)) for _, key in FIGURE_NAMES)] for name in order]


def figure_head() -> list[str]:
    return ["target", *(name for name, _ in FIGURE_NAMES)]


def own_parts(found: Medians) -> list[list[str]]:
    """Where our own CPU time goes, by process."""
    ours = found.get("opengateway", {})
    names = ("gateway", "control", "parent")
    return [[name, number(ours.get(f"cpu_us_per_request_{name}"))] for name in names]


def as_text(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    table = [list(head), *map(list, lines)]
    widths = [max(len(line[column]) for line in table) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    )


def as_markdown(head: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [list(head), ["---"] * len(head), *map(list, lines)]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)
