"""What of an answer's events has to be remembered: reasoning that a vendor signed or sealed, before
tool calls. Collected while they pass; nothing is made of it before the end."""

from __future__ import annotations

from typing import Final

from opengateway.domain.canonical import Reasoning
from opengateway.domain.events import ReasoningDelta, ReasoningSeal, ToolStart
from opengateway.domain.keepsake import Keepsake

MAX_CHARACTERS: Final = 256 * 1024
"""Of thoughts and seals. An answer that thought more is not remembered."""
MAX_CALLS: Final = 64


class Memory:
    """Of the first choice: nobody goes on with another."""

    __slots__ = ("_blocks", "_calls", "_characters", "_open", "_sealed")

    def __init__(self) -> None:
        self._blocks: list[tuple[list[ReasoningDelta], list[ReasoningSeal]]] = []
        self._open: dict[int, tuple[list[ReasoningDelta], list[ReasoningSeal]]] = {}
        self._calls: list[tuple[str, str]] = []
        self._characters = 0
        self._sealed = False

    def said(self, event: ReasoningDelta) -> None:
        self._characters += len(event.text)
        if event.choice == 0 and self._characters <= MAX_CHARACTERS:
            self._block(event.block)[0].append(event)

    def sealed(self, event: ReasoningSeal) -> None:
        self._characters += len(event.signature or "") + len(event.encrypted or "")
        if event.choice == 0 and self._characters <= MAX_CHARACTERS:
            self._sealed = True
            self._block(event.block)[1].append(event)
            del self._open[event.block]

    def called(self, event: ToolStart) -> None:
        if event.choice == 0 and len(self._calls) < MAX_CALLS:
            self._calls.append((event.id, event.name))

    def _block(self, number: int) -> tuple[list[ReasoningDelta], list[ReasoningSeal]]:
        block = self._open.get(number)
        if block is None:
            block = self._open[number] = ([], [])
            self._blocks.append(block)
        return block

    @property
    def keepsake(self) -> Keepsake | None:
        """None where nothing was sealed, nothing was called, or it is too much."""
        if not self._sealed or not self._calls or self._characters > MAX_CHARACTERS:
            return None
        return Keepsake(self._calls, [_whole(*block) for block in self._blocks])


def _whole(pieces: list[ReasoningDelta], seals: list[ReasoningSeal]) -> Reasoning:
    text = "".join(piece.text for piece in pieces)
    summary = bool(pieces) and pieces[-1].summary
    if not seals:
        return Reasoning(text=text, summary=summary)
    seal = seals[-1]
    return Reasoning(
        text=text,
        summary=summary,
        signature=seal.signature,
        encrypted=seal.encrypted,
        origin=seal.origin,
        call_id=seal.call_id,
    )
