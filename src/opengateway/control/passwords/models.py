"""The table of passwords."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class PasswordCredential(Base):
    """`hash` is argon2id's own string: parameters, salt, hash."""

    __tablename__ = "password_credentials"

    user_id: Mapped[str] = mapped_column(String(64), ForeignKey("users.id"), primary_key=True)
    hash: Mapped[str] = mapped_column(String(200))
    changed_at_ns: Mapped[int]
