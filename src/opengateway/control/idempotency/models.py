"""The table of answers that were given under an `Idempotency-Key`."""

from __future__ import annotations

from sqlalchemy import String, Text
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class KeptAnswer(Base):
    """An answer, written in the transaction of what it tells. It holds no secret."""

    __tablename__ = "idempotency_keys"

    scope: Mapped[str] = mapped_column(String(200), primary_key=True)
    key: Mapped[str] = mapped_column(String(200), primary_key=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    body: Mapped[str] = mapped_column(Text)
    expires_at_ns: Mapped[int] = mapped_column(index=True)
