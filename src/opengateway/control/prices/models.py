"""The tables of dated prices. Rows are added, never changed or removed (decision 16)."""

from __future__ import annotations

from sqlalchemy import JSON, ForeignKey, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class Price(Base):
    """What a provider charges, or what teams pay, from a time on. Names as in `PriceEntry`."""

    __tablename__ = "prices"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(768), unique=True)
    """`pattern@effective_from#source`: what prices are known by outside."""
    side: Mapped[str] = mapped_column(String(16))
    pattern: Mapped[str] = mapped_column(String(512))
    effective_from: Mapped[str] = mapped_column(String(32))
    effective_from_ns: Mapped[int] = mapped_column(index=True)
    source: Mapped[str] = mapped_column(String(128))
    currency: Mapped[str] = mapped_column(String(3))
    rates: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    percent: Mapped[str | None] = mapped_column(String(32))
    created_at_ns: Mapped[int]


class PriceOverride(Base):
    """What one team pays otherwise, from a time on; `ended`: from then on as all."""

    __tablename__ = "price_overrides"
    __table_args__ = (UniqueConstraint("team_id", "pattern", "effective_from_ns", "source"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    team_id: Mapped[str] = mapped_column(String(64), ForeignKey("teams.id"))
    pattern: Mapped[str] = mapped_column(String(512))
    effective_from: Mapped[str] = mapped_column(String(32))
    effective_from_ns: Mapped[int] = mapped_column(index=True)
    source: Mapped[str] = mapped_column(String(128))
    currency: Mapped[str] = mapped_column(String(3))
    rates: Mapped[dict[str, str] | None] = mapped_column(JSON(none_as_null=True))
    percent: Mapped[str | None] = mapped_column(String(32))
    ended: Mapped[bool]
    created_at_ns: Mapped[int]


class FxRateRow(Base):
    """What a unit of a currency is worth, from a time on."""

    __tablename__ = "fx_rates"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(192), unique=True)
    currency: Mapped[str] = mapped_column(String(3))
    effective_from: Mapped[str] = mapped_column(String(32))
    effective_from_ns: Mapped[int] = mapped_column(index=True)
    source: Mapped[str] = mapped_column(String(128))
    usd_per_unit: Mapped[str] = mapped_column(String(32))
    created_at_ns: Mapped[int]
