"""Adding up a span of records. Bounded: names beyond a limit are counted together."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Container
from typing import Any, Final

import msgspec

from opengateway.kit.chance import seeded

MAX_NAMES: Final = 500
MAX_TIMES: Final = 20_000
"""Times that percentiles are made of: a sample of all, each as likely as any other."""
OTHER: Final = "other"
DAY_NS: Final = 86_400 * 1_000_000_000
_INPUT: Final = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
_OUTPUT: Final = ("output_tokens", "reasoning_tokens")


class Sums(msgspec.Struct):
    """Of one name. Amounts in nano-dollars."""

    requests: int = 0
    answered: int = 0
    charged: int = 0
    cost: int = 0
    cost_unknown: int = 0
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0

    @property
    def margin(self) -> int:
        return self.charged - self.cost


class Times:
    """A sample of bounded size (reservoir, with a seed: the same records give the same figures)."""

    def __init__(self) -> None:
        self._kept: list[float] = []
        self._seen = 0
        self._chance = seeded(1)

    def add(self, value: float) -> None:
        self._seen += 1
        if len(self._kept) < MAX_TIMES:
            self._kept.append(value)
        else:
            at = int(self._chance.uniform(0, self._seen))
            if at < MAX_TIMES:
                self._kept[at] = value

    def percentile(self, percent: float) -> float | None:
        if not self._kept:
            return None
        ordered = sorted(self._kept)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


class Figures:
    """What records of a span add up to. `operators` are the operator's own teams, kept apart."""

    def __init__(self, operators: Container[str] = ()) -> None:
        self._operators = operators
        self.total = Sums()
        self.own = Sums()
        """The operator's own: smoke tests."""
        self.models: defaultdict[str, Sums] = defaultdict(Sums)
        self.providers: defaultdict[str, Sums] = defaultdict(Sums)
        self.days: defaultdict[int, Sums] = defaultdict(Sums)
        self.teams: set[str] = set()
        self.endings: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        self.failovers: Counter[str] = Counter()
        self.total_ms, self.first_ms, self.overhead_ms = Times(), Times(), Times()

    def add(self, record: dict[str, Any]) -> None:
        """A `CloseRecord` as JSON."""
        if record["team_id"] in self._operators:
            _count(self.own, record)
            return
        _count(self.total, record)
        for named, name in (
            (self.models, record.get("model") or "none"),
            (self.providers, record.get("provider") or "none"),
        ):
            known = name in named or len(named) < MAX_NAMES
            _count(named[name if known else OTHER], record)
        _count(self.days[record["started_at_ns"] // DAY_NS], record)
        if len(self.teams) < 100_000:
            self.teams.add(record["team_id"])
        self.endings[record["ending"]] += 1
        if error := record.get("error"):
            self.errors[error["code"]] += 1
        attempts = record.get("attempts") or []
        for before, after in itertools.pairwise(attempts):
            if before["endpoint_id"] != after["endpoint_id"]:
                self.failovers[before.get("error_class") or "unknown"] += 1
        if record["ending"] == "completed":
            self.total_ms.add(record["total_ms"])
            self.overhead_ms.add(record["overhead_us"] / 1e3)
            if record.get("first_token_ms") is not None:
                self.first_ms.add(record["first_token_ms"])


def _count(sums: Sums, record: dict[str, Any]) -> None:
    usage = record.get("usage") or {}
    sums.requests += 1
    sums.answered += record["ending"] in ("completed", "client_gone")
    sums.charged += record.get("cost_nanos", 0)
    if record.get("provider_cost_known", True):
        sums.cost += record.get("provider_cost_nanos", 0)
    else:
        sums.cost_unknown += 1
    sums.input_tokens += sum(usage.get(name, 0) for name in _INPUT)
    sums.cached_tokens += usage.get("cache_read_tokens", 0)
    sums.output_tokens += sum(usage.get(name, 0) for name in _OUTPUT)
