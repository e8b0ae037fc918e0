"""Runs of the smoke tests, their results, what stands now, and what they propose."""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from opengateway.kit.db import Base


class RunState(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    BROKEN = "broken"
    """It could not be carried through; `detail` says why."""


class ProposalKind(StrEnum):
    LOST = "capability_lost"
    """The catalogue says that the model can, and it did not."""
    GONE = "endpoint_gone"
    """The provider does not know the model any more."""


class ProposalState(StrEnum):
    OPEN = "open"
    DISMISSED = "dismissed"
    MENDED = "mended"
    """It worked again."""


class OperatorTeam(Base):
    """A team of the operator's own: its requests are apart from customers' figures."""

    __tablename__ = "operator_teams"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    team_id: Mapped[str] = mapped_column(String(64), ForeignKey("teams.id"))
    created_at_ns: Mapped[int]


class SmokeRun(Base):
    __tablename__ = "smoke_runs"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    level: Mapped[str] = mapped_column(String(16))
    models: Mapped[str] = mapped_column(String(256))
    state: Mapped[str] = mapped_column(String(16))
    cap_nanos: Mapped[int | None]
    planned: Mapped[int] = mapped_column(default=0)
    passed: Mapped[int] = mapped_column(default=0)
    failed: Mapped[int] = mapped_column(default=0)
    unavailable: Mapped[int] = mapped_column(default=0)
    skipped: Mapped[int] = mapped_column(default=0)
    cost_nanos: Mapped[int] = mapped_column(default=0)
    """What the providers charge, as far as it is recorded."""
    detail: Mapped[str] = mapped_column(String(512), default="")
    started_at_ns: Mapped[int]
    finished_at_ns: Mapped[int | None]


class _Cell:
    model: Mapped[str] = mapped_column(Text)
    endpoint_id: Mapped[str] = mapped_column(Text)
    provider: Mapped[str] = mapped_column(String(128))
    region: Mapped[str] = mapped_column(String(128))
    feature: Mapped[str] = mapped_column(String(32))


class SmokeResult(_Cell, Base):
    __tablename__ = "smoke_results"
    __table_args__ = (Index(None, "run_id", "id"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    run_id: Mapped[str] = mapped_column(String(64), ForeignKey("smoke_runs.id", ondelete="CASCADE"))
    verdict: Mapped[str] = mapped_column(String(16))
    detail: Mapped[str] = mapped_column(String(512))
    request_id: Mapped[str] = mapped_column(String(64))
    duration_ms: Mapped[float]
    first_token_ms: Mapped[float | None]
    at_ns: Mapped[int] = mapped_column(index=True)


class SmokeCell(_Cell, Base):
    """How a feature of an endpoint stands. `id` is a digest of what it is."""

    __tablename__ = "smoke_cells"

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    verdict: Mapped[str] = mapped_column(String(16))
    detail: Mapped[str] = mapped_column(String(512))
    run_id: Mapped[str] = mapped_column(String(64))
    at_ns: Mapped[int]
    succeeded_at_ns: Mapped[int | None]
    failing_since_ns: Mapped[int | None]


class CatalogueProposal(_Cell, Base):
    """A change of the catalogue that the tests speak for. A person makes it, or dismisses it."""

    __tablename__ = "catalogue_proposals"
    __table_args__ = (Index(None, "state", "cell_id"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    cell_id: Mapped[str] = mapped_column(String(64))
    kind: Mapped[str] = mapped_column(String(32))
    change: Mapped[str] = mapped_column(Text)
    """What to change, in words that name the member."""
    detail: Mapped[str] = mapped_column(String(512))
    state: Mapped[str] = mapped_column(String(16))
    run_id: Mapped[str] = mapped_column(String(64))
    created_at_ns: Mapped[int]
    closed_at_ns: Mapped[int | None]
