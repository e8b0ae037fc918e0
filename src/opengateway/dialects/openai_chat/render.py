"""The way out of the canonical form: events to chunks, or to one whole answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from opengateway.dialects.openai_chat.canonical import canonical_request
from opengateway.dialects.openai_chat.render_stream import ChunkRenderer
from opengateway.dialects.openai_chat.render_whole import whole_answer
from opengateway.domain.canonical import CanonicalRequest
from opengateway.domain.chat import ChatRequest, Meter
from opengateway.domain.events import Event
from opengateway.kit.ids import IdSource, NewId


class ChatRendering:
    """This dialect as the translation lane takes it. See `ports.translation.ChatRenderer`.

    `now_s` tells `created`, in Unix seconds, for providers that do not; `new_id` names the answers
    of those that give no name. One object serves all requests.
    """

    __slots__ = ("_new_id", "_now_s")

    def __init__(self, now_s: Callable[[], int], new_id: NewId | None = None) -> None:
        self._now_s = now_s
        self._new_id = new_id or IdSource()

    def canonical(self, chat: ChatRequest, team_id: str) -> CanonicalRequest:
        return canonical_request(chat, team_id)

    def stream(self, chat: ChatRequest, model_id: str) -> ChunkRenderer:
        return ChunkRenderer(model_id, self._now_s, self._new_id, include_usage=chat.include_usage)

    def whole(self, events: Sequence[Event], meter: Meter, model_id: str) -> bytes:
        return whole_answer(events, meter, model_id, self._now_s, self._new_id)
