"""Whether rows, rollups and ledger say the same of some hours, to the nano-dollar."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from opengateway.domain.request_log import Difference, UsageLine, UsageSums
from opengateway.infra.event_log.statements import Asked

SETTLEMENTS: Final = "ledger_settlements"
_COMPARED: Final = tuple(
    name for name in UsageSums.__struct_fields__ if name not in ("overhead_us", "total_us")
)
"""Times are no money, and stores round them each in their way."""
_MOST: Final = 10**15
"""What the ledger books for one request at most."""
_ID_BITS: Final = 80
"""Of an id below its milliseconds (kit/ids.py)."""


def ids_between(from_ns: int, until_ns: int) -> tuple[str, str]:
    """The smallest id of these times, and the smallest after them."""
    low, high = (f"gen_{(ns // 1_000_000) << _ID_BITS:032x}" for ns in (from_ns, until_ns))
    return low, high


def costs_of_rows(source: str, low: str, high: str) -> Asked:
    cost = f"CASE WHEN cost_nanos > {_MOST} THEN {_MOST} ELSE cost_nanos END"
    return _sums(source, "id", cost, low, high)


def costs_of_ledger(low: str, high: str) -> Asked:
    return _sums(SETTLEMENTS, "request_id", "amount", low, high)


def _sums(source: str, key: str, cost: str, low: str, high: str) -> Asked:
    text = (
        f"SELECT team_id, sum({cost}) FROM {source} WHERE {key} >= ? AND {key} < ? GROUP BY team_id"
    )
    return text, [low, high]


def added(*answers: Iterable[Sequence[Any]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for rows in answers:
        for team, cost in rows:
            sums[team] = sums.get(team, 0) + int(cost or 0)
    return sums


def of_rollup(
    table: str, rows: Sequence[UsageLine], sums: Sequence[UsageLine]
) -> Iterator[Difference]:
    """Lines by hour and team."""
    said, counted = ({line.by: line.sums for line in lines} for lines in (sums, rows))
    for by in sorted(said.keys() | counted.keys(), key=str):
        hour, team = by
        one, other = counted.get(by, UsageSums()), said.get(by, UsageSums())
        for name in _COMPARED:
            of_rows, of_table = getattr(one, name), getattr(other, name)
            if of_rows != of_table:
                yield Difference(table, name, str(team), int(hour or 0), of_rows, of_table)


def of_ledger(
    from_ns: int, rows: Mapping[str, int], ledger: Mapping[str, int], *, bills: bool
) -> Iterator[Difference]:
    """Where nothing was booked at all, the zone did not bill then."""
    if not bills and not ledger:
        return
    for team in sorted(rows.keys() | ledger.keys()):
        of_rows, booked = rows.get(team, 0), ledger.get(team, 0)
        if of_rows != booked:
            yield Difference("ledger", "cost_nanos", team, from_ns, of_rows, booked)
