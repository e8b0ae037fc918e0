"""The table of people as an identity provider knows them."""

from __future__ import annotations

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class OidcIdentity(Base):
    """`issuer` and `subject` together are the person. Never the e-mail address: it can change hands."""

    __tablename__ = "oidc_identities"

    issuer: Mapped[str] = mapped_column(String(255), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(64), ForeignKey("users.id"), index=True)
    email: Mapped[str] = mapped_column(String(254))
    created_at_ns: Mapped[int]
    used_at_ns: Mapped[int]
