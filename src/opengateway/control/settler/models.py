"""The tables of the journal's bookkeeping."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class JournalGateway(Base):
    """One start of one gateway, as far as its journal has come."""

    __tablename__ = "journal_gateways"

    gateway: Mapped[str] = mapped_column(String(64), primary_key=True)
    first_seen_ns: Mapped[int]
    last_seen_ns: Mapped[int]
    finished_at_ns: Mapped[int | None]
    """It is dead and its journal is consumed to the end."""
    voided: Mapped[int] = mapped_column(default=0)
    """How many of its requests were open when it died."""


class JournalSegment(Base):
    """How far a segment was consumed: the byte after the last whole frame."""

    __tablename__ = "journal_segments"

    gateway: Mapped[str] = mapped_column(
        String(64), ForeignKey("journal_gateways.gateway", ondelete="CASCADE"), primary_key=True
    )
    segment: Mapped[str] = mapped_column(String(64), primary_key=True)
    acked: Mapped[int]


class OpenRequest(Base):
    """A request that was sent to a provider and has not ended yet, as far as is known here."""

    __tablename__ = "open_requests"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    gateway: Mapped[str] = mapped_column(String(64), index=True)
    """Whose journal it came in: what it still holds open at its end is void."""
    record: Mapped[str] = mapped_column(Text)
    """The `OpenRecord` as JSON."""
