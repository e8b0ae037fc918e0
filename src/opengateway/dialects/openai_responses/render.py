"""The way out of the canonical form: events to a stream, or to one whole response."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opengateway.dialects.openai_responses.canonical import canonical_request
from opengateway.dialects.openai_responses.render_stream import ResponseRenderer
from opengateway.domain.canonical import CanonicalRequest
from opengateway.domain.chat import ChatRequest, Meter
from opengateway.domain.events import Event
from opengateway.kit.ids import IdSource, NewId
from opengateway.kit.json import dumps


class ResponsesRendering:
    """This dialect as the translation lane takes it. See `ports.translation.EchoingRenderer`.

    `with_turns` false: for a wire of this very shape, which takes the items as they came.
    """

    __slots__ = ("_new_id", "_now_s", "_with_turns")

    def __init__(
        self, now_s: Callable[[], int], new_id: NewId | None = None, *, with_turns: bool = True
    ) -> None:
        self._now_s = now_s
        self._new_id = new_id or IdSource()
        self._with_turns = with_turns

    def canonical(self, chat: ChatRequest, team_id: str) -> CanonicalRequest:
        return canonical_request(chat, team_id, with_turns=self._with_turns)

    def stream(self, chat: ChatRequest, model_id: str) -> ResponseRenderer:
        return ResponseRenderer(chat, model_id, self._now_s, self._new_id)

    def whole_of(
        self, chat: ChatRequest, events: Sequence[Event], meter: Meter, model_id: str
    ) -> bytes:
        """The whole response: what the stream's last event would hold."""
        renderer = self.stream(chat, model_id)
        for event in events:
            renderer.render(event)
        assert renderer.final is not None, "an answer that is whole has an end"
        return dumps(renderer.final)
