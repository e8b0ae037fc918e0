"""The table of teams."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class Team(Base):
    """Who pays and who owns keys."""

    __tablename__ = "teams"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    created_at_ns: Mapped[int]
