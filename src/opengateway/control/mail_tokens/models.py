"""The table of tokens that are sent by mail."""

from __future__ import annotations

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class MailToken(Base):
    """A link that somebody was sent. The token is not here; its digest under the pepper is."""

    __tablename__ = "mail_tokens"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(16))
    email: Mapped[str] = mapped_column(String(254))
    user_id: Mapped[str | None] = mapped_column(String(64), ForeignKey("users.id"), index=True)
    sealed: Mapped[bytes | None] = mapped_column(LargeBinary)
    created_at_ns: Mapped[int]
    expires_at_ns: Mapped[int] = mapped_column(index=True)
    used_at_ns: Mapped[int | None]
