"""Transcriptions and translations on the common wire: a form out, a text back.

What is billed has to be told: the length of the sound, or its tokens. Plain text and subtitles tell
neither, so `json` or `verbose_json` is asked for, and what the caller wanted is made of that.
"""

from __future__ import annotations

import math
from typing import Any, Final

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatReply, ChatRequest, Meter, UpstreamCall
from opengateway.domain.usage import Dimension
from opengateway.kit.json import JsonObject, RawObject, dumps, loads
from opengateway.wires.openai_chat.error import malformed
from opengateway.wires.operations.form import written_form
from opengateway.wires.operations.members import (
    members_of,
    operation_of,
    path_for,
    unsupported,
)
from opengateway.wires.operations.metering import count, details, first, meter_of, priced
from opengateway.wires.operations.subtitles import as_srt, as_vtt, segments_in
from opengateway.wires.operations.whole import WholeWire, object_of

_TEXT: Final = "text/plain; charset=utf-8"
_NEED_SEGMENTS: Final = ("srt", "vtt", "verbose_json")
_VERBOSE: Final = ("task", "language", "duration", "words", "segments")


class TranscriptionWire(WholeWire):
    """`POST /audio/transcriptions` and `POST /audio/translations`."""

    __slots__ = ()

    def request(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
    ) -> UpstreamCall:
        assert chat.upload is not None, "the dialect refuses forms without a file"
        dropped: list[str] = []
        fields = members_of(chat, endpoint, provider, team_id, dropped)
        fields.pop("response_format", None)
        wanted = wanted_format(chat)
        if wanted in _NEED_SEGMENTS and not provider.profile.operations.verbose_json:
            raise unsupported(provider, "response_format", "ask for 'json' or 'text'")
        values = _values(fields)
        if provider.profile.operations.verbose_json:
            values.append(("response_format", _asked(wanted, endpoint)))
        body, content_type = written_form(values, chat.upload)
        path = path_for(operation_of(chat), endpoint, provider)
        headers = {"content-type": content_type}
        return UpstreamCall(path, body, tuple(dropped), headers)

    def reply(
        self, body: bytes, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatReply:
        answer = object_of(body, provider)
        text = answer.get("text")
        if not isinstance(text, str):
            raise malformed(provider, "gave an answer without a text")
        meter, usage = _metered(answer, endpoint, provider)
        match wanted_format(chat):
            case "text":
                return ChatReply(f"{text}\n".encode(), meter, _TEXT)
            case "srt" | "vtt" as form:
                try:
                    segments = segments_in(answer)
                except ValueError as error:
                    raise malformed(provider, f"gave an answer {error}") from None
                made = as_srt(segments) if form == "srt" else as_vtt(segments)
                return ChatReply(made.encode(), meter, _TEXT)
            case "verbose_json":
                shown = answer
            case _:
                shown = {name: v for name, v in answer.items() if name not in _VERBOSE}
        shown.pop("x_groq", None)
        shown.pop("model", None)
        if usage:
            shown["usage"] = usage
        return ChatReply(dumps(shown), meter)


def wanted_format(chat: ChatRequest) -> str:
    raw = chat.fields.get("response_format")
    return str(loads(raw) or "json") if raw is not None else "json"


def _asked(wanted: str, endpoint: Endpoint) -> str:
    """Where the length is billed, `verbose_json` tells it at every vendor; `json` at OpenAI's only."""
    if wanted in _NEED_SEGMENTS or Dimension.SECONDS in endpoint.price.rates:
        return "verbose_json"
    return "json"


def _values(fields: RawObject) -> list[tuple[str, str]]:
    """Members as the texts of a form; of a list, one field for each."""
    values: list[tuple[str, str]] = []
    for name, raw in fields.items():
        value = loads(raw)
        if isinstance(value, list):
            values += ((f"{name}[]", _text(item)) for item in value)
        else:
            values.append((name, _text(value)))
    return values


def _text(value: Any) -> str:
    return value if isinstance(value, str) else dumps(value).decode()


def _metered(
    answer: JsonObject, endpoint: Endpoint, provider: Provider
) -> tuple[Meter, JsonObject]:
    """The meter, and the usage object as OpenAI shows it; empty where nothing is known."""
    reported = details(answer, "usage")
    seconds = _seconds(answer, reported)
    if Dimension.SECONDS in endpoint.price.rates:
        least = provider.profile.operations.least_seconds
        billed = max(seconds, least) if seconds else 0
        usage: JsonObject = {"type": "duration", "seconds": seconds} if seconds else {}
        return meter_of(priced(endpoint, seconds=billed)), usage
    read, said = (
        first(reported, "input_tokens", "prompt_tokens"),
        first(reported, "output_tokens", "completion_tokens"),
    )
    parts = details(reported, "input_token_details")
    heard = min(first(parts, "audio_tokens"), read)
    if Dimension.AUDIO_INPUT not in endpoint.price.rates:
        heard = 0
    meter = meter_of(
        {
            Dimension.INPUT: read - heard,
            Dimension.AUDIO_INPUT: heard,
            Dimension.OUTPUT: said,
        }
    )
    if not (read or said):
        return meter, {}
    return meter, {
        "type": "tokens",
        "input_tokens": read,
        "input_token_details": {"text_tokens": read - heard, "audio_tokens": heard},
        "output_tokens": said,
        "total_tokens": read + said,
    }


def _seconds(answer: JsonObject, reported: Any) -> int:
    """As OpenAI bills: whole seconds, begun ones count."""
    told = first(reported, "seconds", "prompt_audio_seconds")
    duration = answer.get("duration")
    if isinstance(duration, str):  # OpenAI's own, until 2024
        try:
            duration = float(duration)
        except ValueError:
            duration = None
    length = count(duration)
    return told or (math.ceil(length) if length else 0)
