"""Who does a recurring job, and when it was done last."""

from __future__ import annotations

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class JobLease(Base):
    """One row a job. Of several control processes on one store, one does it."""

    __tablename__ = "job_leases"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    holder: Mapped[str] = mapped_column(String(64))
    held_until_ns: Mapped[int]
    begun_at_ns: Mapped[int]
    finished_at_ns: Mapped[int | None]
    outcome: Mapped[str] = mapped_column(String(512))
