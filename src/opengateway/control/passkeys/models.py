"""The table of passkeys."""

from __future__ import annotations

from sqlalchemy import JSON, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class Passkey(Base):
    """A public key whose private half a device keeps. Found by the hash of the device's own id."""

    __tablename__ = "passkeys"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(64), ForeignKey("users.id"), index=True)
    credential_digest: Mapped[str] = mapped_column(String(64), unique=True)
    credential_id: Mapped[bytes] = mapped_column(LargeBinary)
    public_key: Mapped[bytes] = mapped_column(LargeBinary)
    sign_count: Mapped[int]
    transports: Mapped[list[str]] = mapped_column(JSON, default=list)
    backed_up: Mapped[bool]
    name: Mapped[str] = mapped_column(String(80))
    created_at_ns: Mapped[int]
    used_at_ns: Mapped[int | None]
