"""The table of attempts to sign in that did not end well, or have not ended yet."""

from __future__ import annotations

from sqlalchemy import JSON, String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class Attempts(Base):
    """One row for an account, a network, a second factor, an address. Bounded: times are cut.

    `subject` is a digest for what a person typed: nobody can read from here who tried to sign in.
    """

    __tablename__ = "sign_in_failures"

    subject: Mapped[str] = mapped_column(String(80), primary_key=True)
    times_ns: Mapped[list[int]] = mapped_column(JSON)
    last_at_ns: Mapped[int] = mapped_column(index=True)
