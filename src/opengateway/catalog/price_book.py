"""Dated prices of the database: which of them hold at one moment, for which endpoint.

Rows are never edited. Of the rows of one source the newest that has begun holds; where two sources
differ, the higher rate of each kind serves, and is flagged (decision 16).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal
from enum import StrEnum
from typing import Final

import msgspec

from opengateway.catalog.pricing import DIMENSIONS
from opengateway.domain.money import NANOS_PER_USD
from opengateway.domain.usage import Dimension

USD: Final = "USD"


class PriceSide(StrEnum):
    COST = "cost"  # what the provider charges us
    SELL = "sell"  # what teams pay


class PriceEntry(msgspec.Struct, frozen=True):
    """A dated row. Either `rates`, decimal strings per million units in `currency`, by the names of
    a zone file; or `percent` on top of the provider's cost, for the sell side alone.

    `pattern` is an endpoint's or a model's id, in which `*` stands for anything.
    """

    id: str
    side: PriceSide
    pattern: str
    effective_from: str
    effective_from_ns: int
    source: str
    currency: str = USD
    rates: dict[str, str] | None = None
    ppm: int | None = None
    ended: bool = False
    """The override ends here: what all pay holds again."""
    team_id: str | None = None


class FxRate(msgspec.Struct, frozen=True):
    """What one unit of a currency is worth, in US dollars."""

    id: str
    currency: str
    effective_from: str
    effective_from_ns: int
    source: str
    usd_per_unit: str


class NoFxRate(ValueError):
    """A price in a currency that had no rate yet."""


class PriceBook(msgspec.Struct, frozen=True):
    """Every row of the database, those of the future as well."""

    prices: tuple[PriceEntry, ...] = ()
    overrides: tuple[PriceEntry, ...] = ()
    fx_rates: tuple[FxRate, ...] = ()

    def next_change_ns(self, now_ns: int) -> int | None:
        """When the next row begins; None while none is ahead."""
        rows: Iterable[PriceEntry | FxRate] = (*self.prices, *self.overrides, *self.fx_rates)
        ahead = (r.effective_from_ns for r in rows if r.effective_from_ns > now_ns)
        return min(ahead, default=None)

    def at(self, now_ns: int) -> PricesNow:
        """What holds at one moment."""
        fx: dict[str, FxRate] = {}
        for rate in sorted(self.fx_rates, key=_age):
            if rate.effective_from_ns <= now_ns:
                fx[rate.currency] = rate
        teams: dict[str, list[PriceEntry]] = {}
        for entry in _begun(self.overrides, now_ns):
            teams.setdefault(entry.team_id or "", []).append(entry)
        return PricesNow(
            prices=_begun(self.prices, now_ns),
            overrides={team: tuple(entries) for team, entries in sorted(teams.items())},
            fx=fx,
        )


def _age(row: PriceEntry | FxRate) -> tuple[int, str]:
    return row.effective_from_ns, row.id


def _begun(entries: Iterable[PriceEntry], now_ns: int) -> tuple[PriceEntry, ...]:
    """The newest row of each (team, side, pattern, source) that has begun, by id."""
    newest: dict[tuple[str | None, PriceSide, str, str], PriceEntry] = {}
    for entry in sorted(entries, key=_age):
        if entry.effective_from_ns <= now_ns:
            newest[entry.team_id, entry.side, entry.pattern, entry.source] = entry
    return tuple(sorted(newest.values(), key=lambda e: e.id))


class PricesNow(msgspec.Struct, frozen=True):
    """The rows that hold, before they are fitted to endpoints."""

    prices: tuple[PriceEntry, ...] = ()
    overrides: Mapping[str, tuple[PriceEntry, ...]] = {}
    fx: Mapping[str, FxRate] = {}

    def rates_of(self, entry: PriceEntry) -> dict[Dimension, int]:
        """Nano-dollars per million units, rounded up. Raises `NoFxRate`."""
        factor = Decimal(1)
        if entry.currency != USD:
            if entry.currency not in self.fx:
                raise NoFxRate(f"the price {entry.id!r} is in {entry.currency}, which has no rate")
            factor = Decimal(self.fx[entry.currency].usd_per_unit)
        return {
            DIMENSIONS[name]: nanos_up(Decimal(text) * factor)
            for name, text in (entry.rates or {}).items()
        }

    def since(self, entry: PriceEntry) -> str:
        """From when on its rates are what they are: a new exchange rate makes a new row."""
        fx = self.fx.get(entry.currency)
        return entry.effective_from if fx is None else max(entry.effective_from, fx.effective_from)


def nanos_up(usd: Decimal) -> int:
    """US dollars to whole nano-dollars, rounded up."""
    return int((usd * NANOS_PER_USD).to_integral_value(ROUND_CEILING))


def time_of(text: str) -> int:
    """`YYYY-MM-DD` (midnight UTC) or `YYYY-MM-DDTHH:MM:SSZ` to Unix nanoseconds.

    Raises `ValueError`.
    """
    form = "%Y-%m-%d" if len(text) == len("YYYY-MM-DD") else "%Y-%m-%dT%H:%M:%SZ"
    moment = datetime.strptime(text, form).replace(tzinfo=UTC)
    return int(moment.timestamp()) * 1_000_000_000
