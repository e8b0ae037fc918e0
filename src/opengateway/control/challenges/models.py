"""The table of challenges that were answered."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class SpentChallenge(Base):
    """A challenge, or a trip to the identity provider, that led to something. None does so twice.

    Only answered ones are here: asking for one costs the store nothing, however often it is done.
    """

    __tablename__ = "spent_challenges"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    expires_at_ns: Mapped[int] = mapped_column(index=True)
