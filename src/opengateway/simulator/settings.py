"""What the simulator is told at its start."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final, Literal

MAX_BODY_BYTES: Final = 64 * 1024 * 1024
MAX_STREAMS: Final = 8192
MAX_FAULT_BYTES: Final = 256 * 1024
MAX_WAIT_S: Final = 3600.0
"""The longest silence on demand; a stall "for ever" is this long."""

WireName = Literal["chat", "anthropic", "gemini", "bedrock"]

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
_EVERYWHERE: Final = ("sim-tools", "sim-small", "sim-slow", "sim-fast")
WIRE_MODELS: Final[dict[WireName, tuple[str, ...]]] = {
    "chat": BUILT_IN,
    "anthropic": ("sim-claude", "sim-claude-think", "sim-redacted", *_EVERYWHERE),
    "gemini": ("sim-gemini", "sim-gemini-3", *_EVERYWHERE),
    "bedrock": ("sim-nova", "sim-claude", "sim-claude-think", "sim-redacted", *_EVERYWHERE),
}
_CONTEXT: Final[dict[WireName, int]] = {
    "chat": 131_072,
    "anthropic": 200_000,
    "gemini": 1_048_576,
    "bedrock": 200_000,
}
_REASONS: Final = ("sim-reasoner", "sim-claude-think", "sim-gemini", "sim-gemini-3")
_NEW_GEMINI: Final = re.compile(r"gemini-([3-9]|\d\d)")
"""Real names of the family that takes thinking levels, where such are served."""
_NEWEST: Final = ("sim-claude-think", "sim-gemini-3")


@dataclass(frozen=True, slots=True)
class ModelTraits:
    """How a model behaves. Sizes in tokens, gaps in seconds."""

    name: str
    reasons: bool = False
    """Reasons without being asked to, unless the request turns it off."""
    newest: bool = False
    """Has the rules of its vendor's newest family, where these differ."""
    redacts: bool = False
    """Its reasoning comes sealed."""
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

    def listed(self, wire: WireName = "chat") -> tuple[str, ...]:
        """The names that a list of models shows: the built-in ones, and those without a glob."""
        named = (entry.removesuffix(":reasoner") for entry in self.models)
        plain = tuple(name for name in named if not any(mark in name for mark in "*?["))
        return WIRE_MODELS[wire] + plain

    def traits(self, name: str, wire: WireName = "chat") -> ModelTraits | None:
        """How `name` behaves; None for a model that this simulator does not serve there."""
        if name.startswith("sim-"):
            return self._built_in(name, wire)
        for entry in self.models:
            pattern = entry.removesuffix(":reasoner")
            if fnmatchcase(name, pattern):
                newest = wire == "gemini" and _NEW_GEMINI.match(name) is not None
                reasons = entry != pattern
                return ModelTraits(name, reasons=reasons, newest=newest, gap_s=self.gap_s)
        return None

    def _built_in(self, name: str, wire: WireName) -> ModelTraits | None:
        if name.startswith("sim-fast"):
            return _fast(name)
        if name not in WIRE_MODELS[wire]:
            return None
        return ModelTraits(
            name,
            reasons=name in _REASONS,
            newest=name in _NEWEST,
            redacts=name == "sim-redacted",
            eager_tools=name == "sim-tools",
            context=2048 if name == "sim-small" else _CONTEXT[wire],
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
