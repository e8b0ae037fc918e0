"""The tables of papers that were issued, and of whom they are made out to."""

from __future__ import annotations

from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class BillingProfile(Base):
    """Whom a team's papers are made out to. No row: the team's name."""

    __tablename__ = "billing_profiles"

    team_id: Mapped[str] = mapped_column(String(64), ForeignKey("teams.id"), primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    address: Mapped[list[str]] = mapped_column(JSON)
    registration_number: Mapped[str] = mapped_column(String(40))
    email: Mapped[str] = mapped_column(String(254))
    locale: Mapped[str] = mapped_column(String(8))
    version: Mapped[int] = mapped_column()
    updated_at_ns: Mapped[int]

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it off the class


class DocumentSeries(Base):
    """The last number that was given in a series: none is left out, none given twice."""

    __tablename__ = "document_series"

    series: Mapped[str] = mapped_column(String(80), primary_key=True)
    last: Mapped[int]


class Document(Base):
    """A paper as it was issued. Never changed: `facts` hold everything that stands on it."""

    __tablename__ = "documents"
    __table_args__ = (
        CheckConstraint("kind IN ('receipt', 'credit_note', 'invoice')", name="kind"),
        UniqueConstraint("kind", "team_id", "subject_id"),
        Index("ix_documents_team_id_id", "team_id", "id"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16))
    number: Mapped[str] = mapped_column(String(80), unique=True)
    team_id: Mapped[str] = mapped_column(String(64), ForeignKey("teams.id"))
    subject_id: Mapped[str] = mapped_column(String(64))
    """The payment, the refund, or the month."""
    issued_at_ns: Mapped[int]
    facts: Mapped[dict[str, Any]] = mapped_column(JSON)
