"""Speech on the common wire: a text in, a sound out.

A model that is billed by the tokens of its sound says how many only where the sound comes in events
(`speech.audio.delta`, `speech.audio.done`): these are asked for, and put together.
"""

from __future__ import annotations

import base64
import binascii
from typing import Final

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatReply, ChatRequest, Meter, UpstreamCall
from opengateway.domain.operations import Operation
from opengateway.domain.usage import Dimension
from opengateway.kit.json import JsonObject, Raw, dumps, loads
from opengateway.kit.sse import Decoder, FrameTooLarge
from opengateway.wires.openai_chat.error import error_in_answer, malformed, truncated
from opengateway.wires.operations.members import members_of, path_for
from opengateway.wires.operations.metering import first, meter_of, priced
from opengateway.wires.operations.whole import WholeWire, answer_of

CONTENT_TYPES: Final = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/pcm",
}
_EVENT_LIMIT_BYTES: Final = 16 * 1024 * 1024


class SpeechWire(WholeWire):
    """`POST /audio/speech`."""

    __slots__ = ()

    def request(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
    ) -> UpstreamCall:
        dropped: list[str] = []
        fields = members_of(chat, endpoint, provider, team_id, dropped)
        fields.pop("stream_format", None)
        accept = CONTENT_TYPES[format_of(chat)]
        if is_billed_by_tokens(endpoint):
            fields["stream_format"] = Raw(b'"sse"')
            accept = "text/event-stream"
        path = path_for(Operation.SPEECH, endpoint, provider)
        return UpstreamCall(path, dumps(fields), tuple(dropped), {"accept": accept})

    def reply(
        self, body: bytes, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatReply:
        content_type = CONTENT_TYPES[format_of(chat)]
        if is_billed_by_tokens(endpoint):
            sound, meter = _from_events(body, provider)
            return ChatReply(sound, meter, content_type)
        if body[:1] == b"{" and format_of(chat) != "pcm":
            answer_of(body, provider)  # an error, told with status 200
            raise malformed(provider, "gave JSON instead of a sound")
        if not body:
            raise malformed(provider, "gave no sound")
        least = provider.profile.operations.least_characters
        characters = chat.demand.characters if chat.demand is not None else 0
        counts = priced(endpoint, characters=max(characters, least), requests=1)
        return ChatReply(body, meter_of(counts), content_type)


def format_of(chat: ChatRequest) -> str:
    raw = chat.fields.get("response_format")
    return str(loads(raw) or "mp3") if raw is not None else "mp3"


def is_billed_by_tokens(endpoint: Endpoint) -> bool:
    rates = endpoint.price.rates
    return Dimension.AUDIO_OUTPUT in rates and Dimension.CHARACTERS not in rates


def _from_events(body: bytes, provider: Provider) -> tuple[bytes, Meter]:
    sound: list[bytes] = []
    ended: JsonObject | None = None
    decoder = Decoder(_EVENT_LIMIT_BYTES)
    try:
        for event in (*decoder.feed(body), *decoder.end()):
            told = loads(event.data)
            if not isinstance(told, dict):
                raise malformed(provider, "sent an event that is not an object")
            kind = told.get("type") or event.event
            if kind == "speech.audio.delta":
                sound.append(base64.b64decode(told["audio"], validate=True))
            elif kind == "speech.audio.done":
                ended = told
            elif kind == "error" or told.get("error"):
                raise error_in_answer(told, provider, "within its answer")
    except (FrameTooLarge, binascii.Error, KeyError, TypeError, ValueError, RecursionError):
        raise malformed(provider, "sent an event that holds no sound") from None
    if ended is None:
        raise truncated(provider)
    if not sound:
        raise malformed(provider, "gave no sound")
    usage = ended.get("usage")
    reported = usage if isinstance(usage, dict) else {}
    counts = {
        Dimension.INPUT: first(reported, "input_tokens"),
        Dimension.AUDIO_OUTPUT: first(reported, "output_tokens"),
    }
    return b"".join(sound), meter_of(counts)
