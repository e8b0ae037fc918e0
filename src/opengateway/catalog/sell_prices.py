"""From an endpoint's own price to what teams pay for it: rows of the database, the zone's knobs.

Each side is taken from the highest place that speaks: bundled catalogue, then database, then zone
file (decision 16). Nothing here reads a clock: the rows that hold were chosen before.
"""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

import msgspec

from opengateway.catalog.config import PriceConfig, PricingConfig, ppm_of
from opengateway.catalog.price_book import NoFxRate, PriceEntry, PriceSide, PricesNow
from opengateway.catalog.pricing import in_order, price_row, slug, whole_rates
from opengateway.domain.catalog import Endpoint
from opengateway.domain.errors import OperatorError
from opengateway.domain.particulars import TeamPrice
from opengateway.domain.usage import Dimension, PriceOrigin, PriceRow, PriceTier


class Pricing:
    """A zone's prices at one moment."""

    def __init__(self, config: PricingConfig, now: PricesNow) -> None:
        """Raises `ValueError` for what is not a percentage."""
        self._now = now
        self._fitting = _Fitting(now.prices)
        self._markup = ppm_of(config.markup_percent)
        self._fee = ppm_of(config.fee_percent)
        self._own_key_fee = ppm_of(config.own_key_fee_percent)

    def applied(self, model_id: str, endpoint: Endpoint, sell: PriceConfig | None) -> Endpoint:
        """The endpoint with what teams pay as its price, and the provider's row as its cost.

        `endpoint.price` is what catalogue or zone file say of the provider's price; `sell` is the
        zone file's own word on what teams pay. Raises `OperatorError`, `ValueError`.
        """
        cost = self._cost(model_id, endpoint)
        price = self._sell(model_id, endpoint.id, cost, sell)
        is_same = price.rates == cost.rates and price.tiers == cost.tiers
        return msgspec.structs.replace(
            endpoint,
            price=cost if is_same else price,
            cost=None if is_same else cost,
            fee_ppm=self._fee,
            own_key_fee_ppm=self._own_key_fee,
        )

    def team_prices(self) -> dict[str, tuple[TeamPrice, ...]]:
        """What single teams pay otherwise: the most particular pattern first, then the dearest.

        A row in a currency without a rate cannot be followed, and is refused when it is written.
        """
        found: dict[str, tuple[TeamPrice, ...]] = {}
        for team_id, entries in self._now.overrides.items():
            newest: dict[str, PriceEntry] = {}
            for entry in sorted(entries, key=lambda e: (e.effective_from_ns, e.id)):
                newest[entry.pattern] = entry
            rows = [self._team_price(e) for e in newest.values() if not e.ended]
            if rows:
                rows.sort(key=lambda r: ("*" in r.pattern, -len(r.pattern), r.id))
                found[team_id] = tuple(rows)
        return found

    def _team_price(self, entry: PriceEntry) -> TeamPrice:
        rates = None
        if entry.rates is not None:
            rates = in_order(self._now.rates_of(entry))
        return TeamPrice(entry.id, entry.pattern, self._now.since(entry), entry.ppm, rates)

    def _cost(self, model_id: str, endpoint: Endpoint) -> PriceRow:
        if endpoint.price.origin is PriceOrigin.ZONE:
            return endpoint.price
        rows = self._fitting.of(PriceSide.COST, model_id, endpoint.id)
        return self._joined(rows, endpoint.id, endpoint.price) if rows else endpoint.price

    def _sell(
        self, model_id: str, endpoint_id: str, cost: PriceRow, sell: PriceConfig | None
    ) -> PriceRow:
        if sell is not None:
            return price_row(endpoint_id, sell, origin=PriceOrigin.ZONE)
        rows = self._fitting.of(PriceSide.SELL, model_id, endpoint_id)
        if rows:
            return self._joined(rows, endpoint_id, cost)
        if not self._markup:
            return cost
        return _marked_up(cost, self._markup, cost.effective_from, cost.origin)

    def _joined(self, rows: Sequence[PriceEntry], endpoint_id: str, base: PriceRow) -> PriceRow:
        """One row of several sources'. The higher rate of each kind serves.

        `base` is what percentages are of, and what a row of rates falls back on for no kind: a kind
        that it does not name has no price.
        """
        singles = [self._single(row, endpoint_id, base) for row in rows]
        joined = singles[0]
        for single in singles[1:]:
            rates = _higher(joined.rates, single.rates)
            since = max(joined.effective_from, single.effective_from)
            source = f"higher of {joined.source} and {single.source}"
            joined = PriceRow(
                id=f"{endpoint_id}@{since}#{slug(source)}",
                effective_from=since,
                source=source,
                rates=rates,
                tiers=_higher_tiers(joined, single),
                origin=PriceOrigin.DATABASE,
                flagged=joined.flagged or joined.rates != single.rates,
            )
        return joined

    def _single(self, entry: PriceEntry, endpoint_id: str, base: PriceRow) -> PriceRow:
        if entry.ppm is not None:
            return _marked_up(base, entry.ppm, entry.effective_from, PriceOrigin.DATABASE)
        try:
            rates = whole_rates(self._now.rates_of(entry))[0]
        except NoFxRate as error:
            raise OperatorError(str(error)) from error
        since = self._now.since(entry)
        fx = self._now.fx.get(entry.currency)
        source = entry.source if fx is None else f"{entry.source}, {entry.currency} by {fx.id}"
        return PriceRow(
            id=f"{endpoint_id}@{since}#{slug(source)}",
            effective_from=since,
            source=source,
            rates=in_order(rates),
            origin=PriceOrigin.DATABASE,
        )


class _Fitting:
    """Finds the rows for an endpoint: the most particular pattern's alone."""

    def __init__(self, prices: Sequence[PriceEntry]) -> None:
        self._exact: dict[tuple[PriceSide, str], list[PriceEntry]] = {}
        self._globs: list[PriceEntry] = []
        for entry in prices:
            if "*" in entry.pattern:
                self._globs.append(entry)
            else:
                self._exact.setdefault((entry.side, entry.pattern), []).append(entry)
        self._globs.sort(key=lambda e: (-len(e.pattern), e.id))

    def of(self, side: PriceSide, model_id: str, endpoint_id: str) -> Sequence[PriceEntry]:
        """Several are of several sources; empty where none fits."""
        for name in (endpoint_id, model_id):
            if rows := self._exact.get((side, name)):
                return rows
        found: list[PriceEntry] = []
        for entry in self._globs:
            if found and len(entry.pattern) < len(found[0].pattern):
                break
            if entry.side is side and (
                fnmatchcase(endpoint_id, entry.pattern) or fnmatchcase(model_id, entry.pattern)
            ):
                found.append(entry)
        return found


def _marked_up(cost: PriceRow, ppm: int, since: str, origin: PriceOrigin) -> PriceRow:
    """The cost with a percentage on it. The row's name tells both, so that it means one thing."""
    percent = f"{ppm / 10_000:+.4f}".rstrip("0").rstrip(".")
    endpoint_id, _, rest = cost.id.rpartition("@")
    return PriceRow(
        id=f"{endpoint_id}@{max(since, cost.effective_from)}#{rest.partition('#')[2]}{percent}",
        effective_from=max(since, cost.effective_from),
        source=f"{cost.source}; {percent} %",
        rates=_raised(cost.rates, ppm),
        tiers=tuple(PriceTier(t.above, _raised(t.rates, ppm)) for t in cost.tiers),
        origin=origin,
        flagged=cost.flagged,
    )


def _raised(rates: dict[Dimension, int], ppm: int) -> dict[Dimension, int]:
    return {d: -(-rate * (1_000_000 + ppm) // 1_000_000) for d, rate in rates.items()}


def _higher(one: dict[Dimension, int], other: dict[Dimension, int]) -> dict[Dimension, int]:
    return in_order({d: max(one.get(d, 0), other.get(d, 0)) for d in {*one, *other}})


def _higher_tiers(one: PriceRow, other: PriceRow) -> tuple[PriceTier, ...]:
    starts = sorted({t.above for t in (*one.tiers, *other.tiers)})
    return tuple(
        PriceTier(above, _higher(one.rates_for(above + 1), other.rates_for(above + 1)))
        for above in starts
    )
