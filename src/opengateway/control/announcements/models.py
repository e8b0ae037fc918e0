"""The table of what the operator tells everybody."""

from __future__ import annotations

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class Announcement(Base):
    """A banner. `texts` by locale; English is there."""

    __tablename__ = "announcements"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    level: Mapped[str] = mapped_column(String(16))
    texts: Mapped[dict[str, str]] = mapped_column(JSON)
    link: Mapped[str | None] = mapped_column(String(2048))
    starts_at_ns: Mapped[int]
    ends_at_ns: Mapped[int | None]
    created_at_ns: Mapped[int]
    version: Mapped[int] = mapped_column()

    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - SQLAlchemy reads it off the class
