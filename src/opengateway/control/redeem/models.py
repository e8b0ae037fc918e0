"""The tables of campaigns, their codes, and who redeemed them."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import CheckConstraint, ForeignKey, Index, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class CampaignStatus(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    REVOKED = "revoked"
    """For good: none of its codes is taken any more."""


class CodeStatus(StrEnum):
    ACTIVE = "active"
    REVOKED = "revoked"


class Campaign(Base):
    """What its codes give, to whom and until when. None is no limit.

    `redeemed` counts its redemptions; the store keeps it within `max_redemptions`.
    """

    __tablename__ = "redeem_campaigns"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'paused', 'revoked')", name="status"),
        CheckConstraint("amount_nanos > 0", name="amount_above_zero"),
        CheckConstraint(
            "redeemed >= 0 AND (max_redemptions IS NULL OR redeemed <= max_redemptions)",
            name="within_total",
        ),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    note: Mapped[str] = mapped_column(String(500))
    zone: Mapped[str] = mapped_column(String(64))
    status: Mapped[str] = mapped_column(String(16))
    amount_nanos: Mapped[int]
    starts_at_ns: Mapped[int]
    ends_at_ns: Mapped[int | None]
    max_redemptions: Mapped[int | None]
    per_team: Mapped[int | None]
    per_user: Mapped[int | None]
    new_team_ns: Mapped[int | None]
    """Only for teams that are younger than this."""
    any_domain: Mapped[bool]
    """Else only for people whose verified address is of one of its domains."""
    credit_ns: Mapped[int | None]
    """How long the credit lasts from its redemption on."""
    redeemed: Mapped[int]
    created_by: Mapped[str] = mapped_column(String(64))
    created_at_ns: Mapped[int]
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it off the class


class CampaignDomain(Base):
    __tablename__ = "redeem_domains"

    campaign_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("redeem_campaigns.id"), primary_key=True
    )
    domain: Mapped[str] = mapped_column(String(254), primary_key=True)


class Batch(Base):
    """Codes that were made, and shown, at once."""

    __tablename__ = "redeem_batches"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    campaign_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("redeem_campaigns.id"), index=True
    )
    codes: Mapped[int]
    max_uses: Mapped[int]
    created_by: Mapped[str] = mapped_column(String(64))
    created_at_ns: Mapped[int]


class Code(Base):
    """A code, by its digest. `uses` is kept within `max_uses` by the store."""

    __tablename__ = "redeem_codes"
    __table_args__ = (
        CheckConstraint("status IN ('active', 'revoked')", name="status"),
        CheckConstraint("uses BETWEEN 0 AND max_uses", name="within_uses"),
        Index("ix_redeem_codes_campaign_id_id", "campaign_id", "id"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    digest: Mapped[bytes] = mapped_column(LargeBinary(32), unique=True)
    pepper_version: Mapped[int]
    campaign_id: Mapped[str] = mapped_column(String(64), ForeignKey("redeem_campaigns.id"))
    batch_id: Mapped[str] = mapped_column(String(64))
    hint: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    max_uses: Mapped[int]
    uses: Mapped[int]
    created_at_ns: Mapped[int]


class RedeemCount(Base):
    """How often a team, or a person, has redeemed codes of a campaign. `subject` is its id."""

    __tablename__ = "redeem_counts"

    campaign_id: Mapped[str] = mapped_column(
        String(64), ForeignKey("redeem_campaigns.id"), primary_key=True
    )
    subject: Mapped[str] = mapped_column(String(64), primary_key=True)
    count: Mapped[int]


class Redemption(Base):
    """A code that became credit. `taken_back_nanos`: what was clawed back of it so far."""

    __tablename__ = "redemptions"
    __table_args__ = (
        Index("ix_redemptions_campaign_id_id", "campaign_id", "id"),
        Index("ix_redemptions_team_id_id", "team_id", "id"),
    )

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    code_id: Mapped[str] = mapped_column(String(64), ForeignKey("redeem_codes.id"), index=True)
    campaign_id: Mapped[str] = mapped_column(String(64), ForeignKey("redeem_campaigns.id"))
    team_id: Mapped[str] = mapped_column(String(64), ForeignKey("teams.id"))
    user_id: Mapped[str | None] = mapped_column(String(64))
    """None: by a management key, which is `key_id`."""
    key_id: Mapped[str | None] = mapped_column(String(64))
    entry_id: Mapped[str] = mapped_column(String(64))
    grant_id: Mapped[str] = mapped_column(String(64))
    amount_nanos: Mapped[int]
    expires_at_ns: Mapped[int | None]
    taken_back_nanos: Mapped[int]
    at_ns: Mapped[int]
