"""What the price routes take and give."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from opengateway.catalog.price_book import USD, PriceSide
from opengateway.control.prices.models import FxRateRow, Price, PriceOverride
from opengateway.control.prices.service import Wanted
from opengateway.domain.catalog import Endpoint
from opengateway.domain.money import nanos_to_usd
from opengateway.domain.usage import PriceOrigin, PriceRow

From = Field(
    max_length=32,
    description="`YYYY-MM-DD` (midnight UTC) or `YYYY-MM-DDTHH:MM:SSZ`, today or later.",
    examples=["2099-01-01"],
)
Rates = Field(
    None,
    max_length=16,
    description="Decimal strings for a million units, by kind: input, output, cache_read, ...",
    examples=[{"input": "0.20", "output": "0.60"}],
)


class _New(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    pattern: str = Field(
        max_length=512,
        description="An endpoint's or a model's id; `*` stands for anything.",
        examples=["openai/gpt-5"],
    )
    effective_from: str = From
    source: str = Field(max_length=128, description="Who says so.", examples=["contract 2099"])
    currency: str = Field(USD, max_length=3, examples=["USD"])
    rates: dict[str, str] | None = Rates
    percent: str | None = Field(
        None,
        max_length=16,
        description="On top of what the provider charges: `5.5`. May be negative.",
        examples=[None],
    )


class NewPrice(_New):
    side: str = Field(
        pattern="^(cost|sell)$",
        description="`cost`: what the provider charges us. `sell`: what teams pay.",
        examples=["sell"],
    )

    def wanted(self) -> Wanted:
        given = (self.pattern, self.effective_from, self.source, self.currency)
        return Wanted(*given, self.rates, self.percent)


class NewOverride(_New):
    team_id: str = Field(max_length=64)
    ended: bool = Field(False, description="From then on the team pays what all pay.")

    def wanted(self) -> Wanted:
        given = (self.pattern, self.effective_from, self.source, self.currency)
        return Wanted(*given, self.rates, self.percent, self.ended)


class NewFxRate(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    currency: str = Field(max_length=3, description="ISO 4217.", examples=["KRW"])
    effective_from: str = From
    source: str = Field(max_length=128, examples=["central bank"])
    usd_per_unit: str = Field(
        max_length=32, description="US dollars for one unit.", examples=["0.00072"]
    )


class PriceView(BaseModel):
    """A dated price. It is never changed."""

    id: str
    name: str
    side: PriceSide
    pattern: str
    effective_from: str
    source: str
    currency: str
    rates: dict[str, str] | None
    percent: str | None
    created_at_ns: int

    @classmethod
    def of(cls, row: Price) -> PriceView:
        return cls.model_validate({field: getattr(row, field) for field in cls.model_fields})


class OverrideView(BaseModel):
    """What one team pays otherwise, from a time on."""

    id: str
    team_id: str
    pattern: str
    effective_from: str
    source: str
    currency: str
    rates: dict[str, str] | None
    percent: str | None
    ended: bool
    created_at_ns: int

    @classmethod
    def of(cls, row: PriceOverride) -> OverrideView:
        return cls.model_validate({field: getattr(row, field) for field in cls.model_fields})


class FxRateView(BaseModel):
    id: str
    name: str
    currency: str
    effective_from: str
    source: str
    usd_per_unit: str
    created_at_ns: int

    @classmethod
    def of(cls, row: FxRateRow) -> FxRateView:
        return cls.model_validate({field: getattr(row, field) for field in cls.model_fields})


class PricePage(BaseModel):
    data: list[PriceView]
    next: str | None


class OverridePage(BaseModel):
    data: list[OverrideView]
    next: str | None


class FxRatePage(BaseModel):
    data: list[FxRateView]
    next: str | None


class RowInForce(BaseModel):
    """`origin` is catalogue, database or zone; a zone file's price is changed in that file alone.
    `flagged`: two sources differ, and the higher rate of each kind serves."""

    id: str
    effective_from: str
    source: str
    origin: PriceOrigin
    flagged: bool
    rates: dict[str, str]
    """US dollars for a million units, by dimension."""

    @classmethod
    def of(cls, row: PriceRow) -> RowInForce:
        rates = {dimension.value: nanos_to_usd(rate) for dimension, rate in row.rates.items()}
        return cls(
            id=row.id,
            effective_from=row.effective_from,
            source=row.source,
            origin=row.origin,
            flagged=row.flagged,
            rates=rates,
        )


class PriceInForce(BaseModel):
    """What holds at one endpoint now: what teams pay, and what the provider charges us."""

    model: str
    endpoint: str
    price: RowInForce
    cost: RowInForce
    fee_ppm: int

    @classmethod
    def of(cls, model_id: str, endpoint: Endpoint) -> PriceInForce:
        return cls(
            model=model_id,
            endpoint=endpoint.id,
            price=RowInForce.of(endpoint.price),
            cost=RowInForce.of(endpoint.cost or endpoint.price),
            fee_ppm=endpoint.fee_ppm,
        )


class PricesInForce(BaseModel):
    data: list[PriceInForce]
