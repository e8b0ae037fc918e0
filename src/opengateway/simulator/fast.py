"""Replies for load tests: made once, of a fixed size, with only their id new."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from opengateway.kit import json
from opengateway.simulator.answers import Answer
from opengateway.simulator.metering import Meter
from opengateway.simulator.personas import Persona
from opengateway.simulator.rendering import Envelope, Frame, StreamRenderer, unary_body

UNARY_BYTES = 600
MAX_FAST = 256
"""Fixed replies that one wire keeps."""
CONTENT_EVENTS = 50
METER = Meter(prompt=20, cached=0, completion=CONTENT_EVENTS, reasoning=0)

SLOT = "@reply-id@"
_TOKENS = " tok" * CONTENT_EVENTS
_STAMP = 1_750_000_000
"""Replies of fixed bytes need a fixed `created`."""


@dataclass(frozen=True, slots=True)
class FastReplies:
    """One persona's and model's fixed replies, with a slot where the id goes."""

    unary: tuple[bytes, ...]
    frames: tuple[tuple[Frame, tuple[bytes, ...]], ...]
    usage_frames: tuple[tuple[Frame, tuple[bytes, ...]], ...]

    def body(self, reply_id: bytes) -> bytes:
        return reply_id.join(self.unary)

    def stream(self, reply_id: bytes, *, include_usage: bool) -> list[Frame]:
        chosen = self.usage_frames if include_usage else self.frames
        return [Frame(f.kind, reply_id.join(cut), f.content_bytes) for f, cut in chosen]


def make_fast(persona: Persona, model: str) -> FastReplies:
    """The replies of one persona and model; 600 bytes where the vendor's shape leaves room."""
    envelope = Envelope(SLOT, _STAMP, model, "req_fast")
    empty = json.dumps(unary_body(persona, envelope, (Answer(text=""),), METER))
    room = UNARY_BYTES - len(empty) + len(SLOT) - 32 - len(persona.id_prefix)
    whole = json.dumps(unary_body(persona, envelope, (Answer(text=_filler(room)),), METER))
    return FastReplies(
        tuple(whole.split(SLOT.encode())),
        _frames(persona, envelope, include_usage=False),
        _frames(persona, envelope, include_usage=True),
    )


def fixed_replies(
    whole: Callable[[Answer], bytes], frames: Callable[[Answer], Iterable[Frame]]
) -> FastReplies:
    """The replies of a wire with shapes of its own; both are given `SLOT` for an id."""
    room = UNARY_BYTES - len(whole(Answer(text=""))) - 32
    body = whole(Answer(text=_filler(room)))
    made = frames(Answer(text=_TOKENS))
    cut = tuple((frame, tuple(frame.data.split(SLOT.encode()))) for frame in made)
    return FastReplies(tuple(body.split(SLOT.encode())), cut, cut)


def _filler(room: int) -> str:
    return ("tokens of a fixed answer " * 40)[: max(8, room)]


def _frames(
    persona: Persona, envelope: Envelope, *, include_usage: bool
) -> tuple[tuple[Frame, tuple[bytes, ...]], ...]:
    renderer = StreamRenderer(
        persona, envelope, include_usage=include_usage, logprobs=None, show_reasoning=False
    )
    made = renderer.frames((Answer(text=_TOKENS),), METER)
    return tuple((frame, tuple(frame.data.split(SLOT.encode()))) for frame in made)
