"""What the operator's side of control shares: smoke tests, gauges, and who counts as the operator."""

from __future__ import annotations

from dataclasses import dataclass

from opengateway.control.smoke.desk import SmokeDesk
from opengateway.control.telemetry.exporter import TraceExporter
from opengateway.control.telemetry.standing import StandingWatch
from opengateway.kit.clock import Clock


@dataclass(frozen=True, slots=True)
class OperationTools:
    """`teams` are the operator's own: filled as they are found or made."""

    teams: set[str]
    smoke: SmokeDesk
    watch: StandingWatch
    clock: Clock
    traces: TraceExporter | None = None
    """None where the zone names no collector."""
