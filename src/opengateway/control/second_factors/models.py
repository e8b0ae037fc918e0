"""The tables of second factors."""

from __future__ import annotations

from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class TotpFactor(Base):
    """The secret is sealed for `totp:{user_id}`. It counts once `confirmed_at_ns` is set."""

    __tablename__ = "totp_factors"

    user_id: Mapped[str] = mapped_column(String(64), ForeignKey("users.id"), primary_key=True)
    sealed_secret: Mapped[bytes] = mapped_column(LargeBinary)
    last_step: Mapped[int]
    """The newest time step whose code was used; none of them is taken again."""
    created_at_ns: Mapped[int]
    confirmed_at_ns: Mapped[int | None]


class RecoveryCode(Base):
    """The digest of a code that serves once instead of a second factor."""

    __tablename__ = "recovery_codes"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(64), ForeignKey("users.id"), index=True)
    created_at_ns: Mapped[int]
    used_at_ns: Mapped[int | None]
