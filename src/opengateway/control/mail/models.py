"""The table of letters that are to be sent."""

from __future__ import annotations

from sqlalchemy import LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class OutgoingMail(Base):
    """A letter that waits. What it says is sealed, for it may hold a link with a token.

    The row goes when the letter is sent. One that was refused or whose time is over is a dead letter,
    from `failed_at_ns` on; what it said goes when its time is over.
    """

    __tablename__ = "mail_outbox"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    recipient: Mapped[str] = mapped_column(String(254))
    sealed: Mapped[bytes] = mapped_column(LargeBinary)
    created_at_ns: Mapped[int]
    expires_at_ns: Mapped[int]
    next_at_ns: Mapped[int] = mapped_column(index=True)
    attempts: Mapped[int]
    last_error: Mapped[str] = mapped_column(String(300))
    failed_at_ns: Mapped[int | None]
