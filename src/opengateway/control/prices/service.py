"""Writing dated prices, and the book of all of them that snapshots are compiled from."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from sqlalchemy.exc import IntegrityError

from opengateway.catalog.config import PRICED, ppm_of, rate_of
from opengateway.catalog.price_book import (
    USD,
    FxRate,
    PriceBook,
    PriceEntry,
    PriceSide,
    nanos_up,
    time_of,
)
from opengateway.catalog.pricing import slug
from opengateway.control.actor import Actor
from opengateway.control.prices.models import FxRateRow, Price, PriceOverride
from opengateway.control.prices.repository import Dated, PriceRepository
from opengateway.control.scope import ControlScope
from opengateway.control.teams.repository import TeamRepository
from opengateway.domain.errors import Conflict, InvalidRequest, NotFound
from opengateway.kit.db import AsyncSession

MAX_ROWS: Final = 20_000
"""Of each table. All are read whenever a snapshot is compiled."""
_PATTERN: Final = re.compile(r"[A-Za-z0-9*][A-Za-z0-9*/:@._-]{0,511}")
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_RATE: Final = re.compile(r"[0-9]{1,9}(\.[0-9]{1,12})?")
_SOURCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._/-]{0,127}")
_MAX_NANOS: Final = 10**15
"""A million dollars for a million tokens."""
_PARTS: Final = frozenset(("cache_read", "cache_write", "cache_write_1h", "reasoning"))
"""Kinds whose price replaces that of input or output for a part of it."""


class PriceExists(Conflict):
    code = "price_exists"


class TooManyPrices(Conflict):
    code = "too_many_prices"


class Wanted(NamedTuple):
    """A price as it is asked for: `percent`, or `rates` in `currency`, or for a team the end."""

    pattern: str
    effective_from: str
    source: str
    currency: str = USD
    rates: Mapping[str, str] | None = None
    percent: str | None = None
    ended: bool = False


class PriceService:
    """Adds rows, never changes one. The caller owns the transaction.

    `changed` is called once the transaction is committed: snapshots are compiled anew then.
    """

    def __init__(self, scope: ControlScope, actor: Actor, changed: Callable[[], None]) -> None:
        self._prices = PriceRepository(scope.session)
        self._scope = scope
        self._actor = actor
        self._changed = changed

    async def add_price(self, side: PriceSide, wanted: Wanted) -> Price:
        """Raises `InvalidRequest`, `PriceExists`, `TooManyPrices`."""
        at_ns = await self._check(wanted)
        if side is PriceSide.COST and wanted.rates is None:
            raise InvalidRequest("what a provider charges is given as 'rates'", param="rates")
        name = f"{wanted.pattern}@{wanted.effective_from}#{side.value}-{slug(wanted.source)}"
        if await self._prices.has_price(name):
            raise PriceExists(
                f"there is a price {name!r} already; a price is never changed: add one with a"
                " later 'effective_from'"
            )
        row = Price(
            id=self._scope.new_id("prc_"),
            name=name,
            side=side.value,
            pattern=wanted.pattern,
            effective_from=wanted.effective_from,
            effective_from_ns=at_ns,
            source=wanted.source,
            currency=wanted.currency,
            rates=None if wanted.rates is None else dict(wanted.rates),
            percent=wanted.percent,
            created_at_ns=self._scope.clock.now_ns(),
        )
        await self._add(row, Price, "price.created", row.name)
        return row

    async def entry(
        self, side: PriceSide, wanted: Wanted, team_id: str | None, at: int
    ) -> PriceEntry:
        """A price that is tried and not kept: `at` tells several apart. Raises `InvalidRequest`."""
        at_ns = await self._check(wanted)
        return PriceEntry(
            id=f"{wanted.pattern}@{wanted.effective_from}#preview-{at}",
            side=side,
            pattern=wanted.pattern,
            effective_from=wanted.effective_from,
            effective_from_ns=at_ns,
            source=wanted.source,
            currency=wanted.currency,
            rates=None if wanted.rates is None else dict(wanted.rates),
            ppm=None if wanted.percent is None else ppm_of(wanted.percent),
            ended=wanted.ended,
            team_id=team_id,
        )

    async def add_override(self, team_id: str, wanted: Wanted) -> PriceOverride:
        """Raises `InvalidRequest`, `NotFound` for the team, `PriceExists`, `TooManyPrices`."""
        team = await TeamRepository(self._scope.session).get(team_id)
        if team is None:
            raise NotFound(f"there is no team {team_id!r}", code="team_not_found", param="team_id")
        at_ns = await self._check(wanted)
        row = PriceOverride(
            id=self._scope.new_id("pov_"),
            team_id=team_id,
            pattern=wanted.pattern,
            effective_from=wanted.effective_from,
            effective_from_ns=at_ns,
            source=wanted.source,
            currency=wanted.currency,
            rates=None if wanted.rates is None else dict(wanted.rates),
            percent=wanted.percent,
            ended=wanted.ended,
            created_at_ns=self._scope.clock.now_ns(),
        )
        await self._add(row, PriceOverride, "price_override.created", row.id, team_id)
        return row

    async def add_fx_rate(
        self, currency: str, effective_from: str, source: str, usd_per_unit: str
    ) -> FxRateRow:
        """Raises `InvalidRequest`, `PriceExists`, `TooManyPrices`."""
        at_ns = self._begins(effective_from)
        _check_source(source)
        if _CURRENCY.fullmatch(currency) is None or currency == USD:
            raise InvalidRequest(
                "'currency' is three capital letters (ISO 4217), and not USD", param="currency"
            )
        if _RATE.fullmatch(usd_per_unit) is None or not Decimal(usd_per_unit):
            raise InvalidRequest(
                "'usd_per_unit' is a decimal above 0, such as '0.00072'", param="usd_per_unit"
            )
        name = f"{currency}@{effective_from}#{slug(source)}"
        if await self._prices.has_fx_rate(name):
            raise PriceExists(f"there is a rate {name!r} already; add one with a later time")
        row = FxRateRow(
            id=self._scope.new_id("fx_"),
            name=name,
            currency=currency,
            effective_from=effective_from,
            effective_from_ns=at_ns,
            source=source,
            usd_per_unit=usd_per_unit,
            created_at_ns=self._scope.clock.now_ns(),
        )
        await self._add(row, FxRateRow, "fx_rate.created", row.name)
        return row

    async def _add(
        self,
        row: Dated,
        table: type[Dated],
        action: str,
        object_id: str,
        team_id: str | None = None,
    ) -> None:
        if await self._prices.count(table) >= MAX_ROWS:
            raise TooManyPrices(f"there are {MAX_ROWS} rows; prices cannot be added any more")
        try:
            await self._prices.add(row)
        except IntegrityError as error:
            raise PriceExists(
                "there is a row of this source and time already; add one with a later time"
            ) from error
        names = (c.name for c in table.__table__.columns if c.name != "id")
        after = {name: getattr(row, name) for name in names}
        await self._scope.audit(
            self._actor, action, object_id=object_id[:128], after=after, team_id=team_id
        )
        self._scope.after_commit(self._changed)

    def _begins(self, effective_from: str) -> int:
        """Not in the past: what was charged then was charged by another price."""
        try:
            at_ns = time_of(effective_from)
        except ValueError:
            raise InvalidRequest(
                "'effective_from' is a day as 'YYYY-MM-DD' or a time as 'YYYY-MM-DDTHH:MM:SSZ'",
                param="effective_from",
            ) from None
        today_ns = self._scope.clock.now_ns() // _DAY_NS * _DAY_NS
        if at_ns < today_ns:
            raise InvalidRequest(
                "'effective_from' lies in the past; a price holds from today on, or later",
                param="effective_from",
            )
        return at_ns

    async def _check(self, wanted: Wanted) -> int:
        """When it begins. Raises `InvalidRequest`."""
        at_ns = self._begins(wanted.effective_from)
        _check_source(wanted.source)
        if _PATTERN.fullmatch(wanted.pattern) is None:
            raise InvalidRequest(
                "'pattern' is an endpoint's or a model's id; '*' stands for anything",
                param="pattern",
            )
        given = [wanted.rates is not None, wanted.percent is not None, wanted.ended]
        if given.count(True) != 1:
            raise InvalidRequest("give one of 'rates' and 'percent'", param="rates")
        if wanted.percent is not None:
            try:
                ppm_of(wanted.percent)
            except ValueError as error:
                raise InvalidRequest(f"'percent': {error}", param="percent") from None
        if wanted.rates is not None:
            await self._check_rates(wanted, at_ns)
        return at_ns

    async def _check_rates(self, wanted: Wanted, at_ns: int) -> None:
        assert wanted.rates is not None
        factor = Decimal(1)
        if wanted.currency != USD:
            book = await read_book(self._scope.session)
            fx = book.at(at_ns).fx.get(wanted.currency)
            if fx is None:
                raise InvalidRequest(
                    f"{wanted.currency!r} has no exchange rate by {wanted.effective_from}; add one"
                    " first",
                    param="currency",
                )
            factor = Decimal(fx.usd_per_unit)
        if wanted.rates.keys() <= _PARTS:
            raise InvalidRequest(
                "'rates' needs 'input', 'output' or another kind that is no part of these",
                param="rates",
            )
        for name, text in wanted.rates.items():
            if name not in PRICED:
                raise InvalidRequest(
                    f"{name!r} is not a kind of price; known are {', '.join(PRICED)}",
                    param=f"rates.{name}"[:64],
                )
            _check_rate(name, text, wanted.currency, factor)


_DAY_NS: Final = 86_400 * 1_000_000_000


def _check_source(source: str) -> None:
    if _SOURCE.fullmatch(source) is None:
        raise InvalidRequest(
            "'source' says who says so: 1 to 128 letters, digits, spaces and ._/-", param="source"
        )


def _check_rate(name: str, text: str, currency: str, factor: Decimal) -> None:
    try:
        if currency == USD:
            rate_of(text)
            return
        if _RATE.fullmatch(text) is None:
            raise ValueError("expected a decimal such as '1200.5'")
        if nanos_up(Decimal(text) * factor) > _MAX_NANOS:
            raise ValueError("that is more than a million dollars for a million units")
    except ValueError as error:
        raise InvalidRequest(f"'rates.{name}': {error}", param=f"rates.{name}") from None


async def read_book(session: AsyncSession) -> PriceBook:
    """Every dated row, for the compiler."""
    prices = PriceRepository(session)
    return PriceBook(
        prices=tuple(_entry_of_price(row) for row in await prices.all_prices()),
        overrides=tuple(_entry_of_override(row) for row in await prices.all_overrides()),
        fx_rates=tuple(_fx_rate(row) for row in await prices.all_fx_rates()),
    )


def _entry_of_price(row: Price) -> PriceEntry:
    return PriceEntry(
        id=row.name,
        side=PriceSide(row.side),
        pattern=row.pattern,
        effective_from=row.effective_from,
        effective_from_ns=row.effective_from_ns,
        source=row.source,
        currency=row.currency,
        rates=row.rates,
        ppm=None if row.percent is None else ppm_of(row.percent),
    )


def _entry_of_override(row: PriceOverride) -> PriceEntry:
    return PriceEntry(
        id=row.id,
        side=PriceSide.SELL,
        pattern=row.pattern,
        effective_from=row.effective_from,
        effective_from_ns=row.effective_from_ns,
        source=row.source,
        currency=row.currency,
        rates=row.rates,
        ppm=None if row.percent is None else ppm_of(row.percent),
        ended=row.ended,
        team_id=row.team_id,
    )


def _fx_rate(row: FxRateRow) -> FxRate:
    return FxRate(
        id=row.name,
        currency=row.currency,
        effective_from=row.effective_from,
        effective_from_ns=row.effective_from_ns,
        source=row.source,
        usd_per_unit=row.usd_per_unit,
    )
