"""What is sent for each feature: small, cheap, and the same each time."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from opengateway.domain.catalog import MESSAGES_WIRES, ModelKind
from opengateway.domain.smoke import Cell, Feature
from opengateway.kit import json

PATHS: Final[Mapping[str, str]] = MappingProxyType(
    {
        ModelKind.CHAT: "/v1/chat/completions",
        ModelKind.EMBEDDING: "/v1/embeddings",
        ModelKind.RERANK: "/v1/rerank",
        ModelKind.IMAGE: "/v1/images/generations",
        ModelKind.SPEECH: "/v1/audio/speech",
        ModelKind.TRANSCRIPTION: "/v1/audio/transcriptions",
        ModelKind.MODERATION: "/v1/moderations",
        ModelKind.COMPLETION: "/v1/completions",
    }
)
TOOL_NAME: Final = "get_weather"
TOOL: Final = {
    "type": "function",
    "function": {
        "name": TOOL_NAME,
        "description": "The weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
ANSWER_SCHEMA: Final = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "country": {"type": "string"}},
    "required": ["city", "country"],
    "additionalProperties": False,
}
_SESSION: Final = "smoke"
_TEXT_TOKENS: Final = 64
_THINKING_TOKENS: Final = 2_048
"""A model that thinks spends its output on it first."""
_CANCELLED_TOKENS: Final = 1_000
_LONG: Final = " ".join(f"Rule {n}: answer politely, briefly and truly." for n in range(1, 620))
_BOUNDARY: Final = "opengateway-smoke"


@dataclass(frozen=True, slots=True)
class Sent:
    path: str
    body: bytes
    content_type: str = "application/json"


def ask_of(cell: Cell) -> Sent:
    """The request that tries a cell, at its endpoint and nowhere else."""
    if cell.feature is Feature.ERROR_SHAPE:
        return _sent(cell, {"messages": "wrong", "input": 5, "query": 5, "prompt": 5, "file": 5})
    if cell.kind != ModelKind.CHAT:
        return _other(cell)
    return _sent(cell, _CHAT_BODIES.get(cell.feature, _plain)(cell))


def _sent(cell: Cell, members: dict[str, Any]) -> Sent:
    return Sent(PATHS[cell.kind], json.dumps({"model": cell.model, **_here(cell), **members}))


def _here(cell: Cell) -> dict[str, Any]:
    return {"provider": {"only": [cell.place], "allow_fallbacks": False}}


def _user(text: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def _room(cell: Cell, tokens: int = _TEXT_TOKENS) -> dict[str, Any]:
    return {"max_tokens": tokens + (_THINKING_TOKENS if cell.reasons else 0)}


def _plain(cell: Cell) -> dict[str, Any]:
    return {"messages": _user("Reply with the one word OK."), **_room(cell)}


def _stream(cell: Cell) -> dict[str, Any]:
    return {**_plain(cell), "stream": True, "stream_options": {"include_usage": True}}


def _tools(cell: Cell) -> dict[str, Any]:
    asked = f"Use the tool {TOOL_NAME} for the city Seoul."
    return {"messages": _user(asked), "tools": [TOOL], "tool_choice": "auto", **_room(cell)}


def _structured(cell: Cell) -> dict[str, Any]:
    return {
        "messages": _user("Name the capital of Korea and its country, as JSON."),
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": ANSWER_SCHEMA},
        },
        **_room(cell),
    }


def _vision(cell: Cell) -> dict[str, Any]:
    parts = [
        {"type": "text", "text": "Which colour is this picture? One word."},
        {"type": "image_url", "image_url": {"url": RED_SQUARE}},
    ]
    return {"messages": _user(parts), **_room(cell)}


def _reasoning(cell: Cell) -> dict[str, Any]:
    asked = "Which is larger, 9.11 or 9.9? Think, then answer with the number alone."
    room = {"max_tokens": _TEXT_TOKENS + _THINKING_TOKENS}
    return {"messages": _user(asked), "reasoning_effort": "low", **room}


def _cache(cell: Cell) -> dict[str, Any]:
    part: dict[str, Any] = {"type": "text", "text": _LONG}
    if cell.wire in MESSAGES_WIRES:  # a prompt is kept there only if it is marked
        part["cache_control"] = {"type": "ephemeral"}
    system = {"role": "system", "content": [part]}
    return {**_plain(cell), "messages": [system, *_user("Reply with OK.")], "session_id": _SESSION}


def _cancel(cell: Cell) -> dict[str, Any]:
    asked = "Count from 1 to 300 in 300 words, one after the other."
    return {"messages": _user(asked), "stream": True, **_room(cell, _CANCELLED_TOKENS)}


_CHAT_BODIES: Final = {
    Feature.STREAM: _stream,
    Feature.TOOLS: _tools,
    Feature.STRUCTURED_OUTPUT: _structured,
    Feature.VISION: _vision,
    Feature.REASONING: _reasoning,
    Feature.CACHE: _cache,
    Feature.CANCEL: _cancel,
}


def _other(cell: Cell) -> Sent:
    if cell.kind == ModelKind.TRANSCRIPTION:
        return _form(cell)
    bodies: dict[str, dict[str, Any]] = {
        ModelKind.EMBEDDING: {"input": "a smoke test"},
        ModelKind.RERANK: {"query": "capital of Korea", "documents": ["Seoul", "a pear"]},
        ModelKind.IMAGE: {"prompt": "a red square", "n": 1},
        ModelKind.SPEECH: {"input": "OK.", "voice": "alloy"},
        ModelKind.MODERATION: {"input": "a smoke test"},
        ModelKind.COMPLETION: {"prompt": "Seoul is the capital of", "max_tokens": 16},
    }
    return _sent(cell, bodies[cell.kind])


def _form(cell: Cell) -> Sent:
    fields = {"model": cell.model.encode(), "provider": json.dumps(_here(cell)["provider"])}
    parts = [
        b'--%b\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b\r\n'
        % (_BOUNDARY.encode(), name.encode(), value)
        for name, value in fields.items()
    ]
    parts.append(
        b'--%b\r\ncontent-disposition: form-data; name="file"; filename="smoke.wav"\r\n'
        b"content-type: audio/wav\r\n\r\n%b\r\n--%b--\r\n"
        % (_BOUNDARY.encode(), SILENCE, _BOUNDARY.encode())
    )
    kind = f"multipart/form-data; boundary={_BOUNDARY}"
    return Sent(PATHS[cell.kind], b"".join(parts), kind)


def _red_square(size: int = 32) -> str:
    """A PNG as a data URL (RFC 2083): one colour, 8 bits for each of three channels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        whole = kind + data
        return struct.pack(">I", len(data)) + whole + struct.pack(">I", zlib.crc32(whole))

    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\xff\x00\x00" * size) * size
    png = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows))
    return "data:image/png;base64," + base64.b64encode(png + chunk(b"IEND", b"")).decode()


def _silence(seconds: int = 1, rate: int = 8_000) -> bytes:
    """A WAV file of 16-bit mono silence."""
    data = b"\0\0" * rate * seconds
    form = struct.pack("<HHIIHH", 1, 1, rate, rate * 2, 2, 16)
    head = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body = head + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


RED_SQUARE: Final = _red_square()
SILENCE: Final = _silence()
