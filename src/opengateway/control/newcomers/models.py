"""The tables of what new customers get, and of what makes one look twice."""

from __future__ import annotations

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class WelcomeCredit(Base):
    """Given to an identity: the digest of a verified address, which stays when the account goes."""

    __tablename__ = "welcome_credits"

    identity: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(64))
    team_id: Mapped[str] = mapped_column(String(64), ForeignKey("teams.id"))
    amount_nanos: Mapped[int]
    at_ns: Mapped[int]


class FreeTeam(Base):
    """A team that began with the limits of the free tier. Lifted when it has bought credit."""

    __tablename__ = "free_teams"
    __table_args__ = (Index("ix_free_teams_lifted_at_ns", "lifted_at_ns"),)

    team_id: Mapped[str] = mapped_column(String(64), ForeignKey("teams.id"), primary_key=True)
    rpm: Mapped[int | None]
    tpm: Mapped[int | None]
    concurrency: Mapped[int | None]
    since_ns: Mapped[int]
    lifted_at_ns: Mapped[int | None]


class Sighting(Base):
    """A team was made, or redeemed a code, from a network or a device: digests, no addresses."""

    __tablename__ = "abuse_sightings"
    __table_args__ = (Index("ix_abuse_sightings_at_ns", "at_ns"),)

    mark: Mapped[str] = mapped_column(String(80), primary_key=True)
    team_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    at_ns: Mapped[int]


class AbuseAlert(Base):
    """Many teams behind one mark. Told of, never acted on by itself."""

    __tablename__ = "abuse_alerts"
    __table_args__ = (
        CheckConstraint("status IN ('open', 'dismissed')", name="status"),
        CheckConstraint("kind IN ('network', 'device')", name="kind"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    mark: Mapped[str] = mapped_column(String(80), unique=True)
    kind: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    team_ids: Mapped[list[str]] = mapped_column(JSON)
    first_at_ns: Mapped[int]
    last_at_ns: Mapped[int]
    dismissed_by: Mapped[str | None] = mapped_column(String(64))
