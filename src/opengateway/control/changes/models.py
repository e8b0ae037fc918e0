"""The table of changes."""

from __future__ import annotations

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import SERIAL, Base


class Change(Base):
    """One change of what gateways hold a copy of, written in the mutation's own transaction.

    `seq` grows in the order of commits: one writer commits at a time, or (`ChangeRepository.add`)
    takes its turn before it draws a number. A number is never used again (`AUTOINCREMENT`; the
    newest is never pruned), or a reader could take a new change for one that it has.
    """

    __tablename__ = "changes"
    __table_args__ = ({"sqlite_autoincrement": True},)

    seq: Mapped[int] = mapped_column(SERIAL, primary_key=True, autoincrement=True)
    kind: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[str] = mapped_column(String(64))
    row: Mapped[str | None] = mapped_column(Text)
    """The whole new row as JSON; null when it is gone."""
    at_ns: Mapped[int]
