"""What the simulator is told at its start."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
MAX_STREAMS: Final = 8192
MAX_FAULT_BYTES: Final = 256 * 1024
MAX_WAIT_S: Final = 3600.0
"""The longest silence on demand; a stall "for ever" is this long."""

BUILT_IN: Final = (
    "sim-chat",
    "sim-reasoner",
    "sim-vision",
    "sim-tools",
    "sim-json",
    "sim-small",
    "sim-slow",
    "sim-fast",
)


@dataclass(frozen=True, slots=True)
class ModelTraits:
    """How a model behaves. Sizes in tokens, gaps in seconds."""

    name: str
    reasons: bool = False
    eager_tools: bool = False
    """Calls an offered tool under `auto` without being asked."""
    context: int = 131_072
    gap_s: float = 0.002
    fast: bool = False
    """Fixed replies for load tests, made once."""


@dataclass(frozen=True, slots=True)
class SimulatorSettings:
    """`models` are names or globs, each with an optional `:reasoner` after it."""

    cases: Path | None = None
    strict_cases: bool = False
    faults: Path | None = None
    models: tuple[str, ...] = ()
    gap_s: float = 0.002
    seed: int = 20_260_101
    max_body_bytes: int = MAX_BODY_BYTES
    max_streams: int = MAX_STREAMS

    def listed(self) -> tuple[str, ...]:
        """The names that `/v1/models` shows: the built-in ones, and those named without a glob."""
        named = (entry.removesuffix(":reasoner") for entry in self.models)
        return BUILT_IN + tuple(name for name in named if not any(mark in name for mark in "*?["))

    def traits(self, name: str) -> ModelTraits | None:
        """How `name` behaves; None for a model that this simulator does not serve."""
        if name.startswith("sim-"):
            return self._built_in(name)
        for entry in self.models:
            pattern = entry.removesuffix(":reasoner")
            if fnmatchcase(name, pattern):
                return ModelTraits(name, reasons=entry != pattern, gap_s=self.gap_s)
        return None

    def _built_in(self, name: str) -> ModelTraits | None:
        if name.startswith("sim-fast"):
            return _fast(name)
        if name not in BUILT_IN:
            return None
        return ModelTraits(
            name,
            reasons=name == "sim-reasoner",
            eager_tools=name == "sim-tools",
            context=2048 if name == "sim-small" else 131_072,
            gap_s=0.05 if name == "sim-slow" else self.gap_s,
        )


def _fast(name: str) -> ModelTraits | None:
    """`sim-fast`, or `sim-fast-20ms` for that gap between events."""
    gap = name.removeprefix("sim-fast")
    if not gap:
        return ModelTraits(name, fast=True, gap_s=0.0)
    digits = gap.removeprefix("-").removesuffix("ms")
    if gap != f"-{digits}ms" or not digits.isdecimal() or len(digits) > 5:
        return None
    return ModelTraits(name, fast=True, gap_s=int(digits) / 1000)
