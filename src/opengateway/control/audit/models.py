"""The table of the audit log."""

from __future__ import annotations

from sqlalchemy import Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class AuditEntry(Base):
    """One deed, chained to the one before it in its zone. Triggers refuse to change or remove it.

    `actor`, `before` and `after` are canonical JSON. `hash` is made in `audit/chain.py`.
    """

    __tablename__ = "audit_log"
    __table_args__ = (Index("ix_audit_log_team_id_seq", "team_id", "seq"),)

    zone: Mapped[str] = mapped_column(String(64), primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at_ns: Mapped[int]
    team_id: Mapped[str | None] = mapped_column(String(64))
    actor: Mapped[str] = mapped_column(Text)
    action: Mapped[str] = mapped_column(String(64))
    object_id: Mapped[str | None] = mapped_column(String(128))
    before: Mapped[str | None] = mapped_column(Text)
    after: Mapped[str | None] = mapped_column(Text)
    reason: Mapped[str | None] = mapped_column(String(500))
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))
