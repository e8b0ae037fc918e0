"""What an answer with tool calls thought, as it must come back with the calls' results."""

from __future__ import annotations

from opengateway.domain.canonical import Reasoning


class Keepsake:
    """Of one answer. `calls` are (id, name), in order; `blocks` the reasoning that led to them."""

    __slots__ = ("blocks", "calls")

    def __init__(self, calls: list[tuple[str, str]], blocks: list[Reasoning]) -> None:
        self.calls = calls
        self.blocks = blocks
