"""A whole answer where a stream was awaited, as the chunks that it would have been.

Some vendors cannot stream what was asked for and are asked for it whole (`tools_with_stream`); others
answer a stream's request with one document all the same, an error most of all (E12).
"""

from __future__ import annotations

import re
from typing import Any, Final

from opengateway.domain.catalog import Provider
from opengateway.kit.json import JsonObject, dumps, loads, loads_raw_object
from opengateway.wires.openai_chat.choice import usable_choices
from opengateway.wires.openai_chat.error import malformed
from opengateway.wires.openai_chat.reply import read_reply

_MARKS: Final = re.compile(rb'["\\{}\[\]]')
_SPACE: Final = b" \t\r\n"
_NOT_NAMES: Final = frozenset(("choices", "usage", "object"))


class Document:
    """Collects one JSON document that comes cut anywhere, within a bound."""

    __slots__ = ("_buffer", "_depth", "_escaped", "_limit", "_quoted")

    def __init__(self, limit_bytes: int) -> None:
        self._buffer = bytearray()
        self._limit = limit_bytes
        self._depth = 0
        self._quoted = False
        self._escaped = -1

    def add(self, chunk: bytes) -> bytes | None:
        """The document, once it is closed; what follows it is left. Raises `ValueError`."""
        if len(self._buffer) + len(chunk) > self._limit:
            raise ValueError(f"a document of more than {self._limit} bytes")
        start = len(self._buffer)
        self._buffer += chunk
        for found in _MARKS.finditer(self._buffer, start):
            place = found.start()
            if place != self._escaped and self._closes(self._buffer[place], place):
                return bytes(self._buffer[: place + 1])
        return None

    def _closes(self, byte: int, place: int) -> bool:
        match byte:
            case 0x5C:  # what follows it says nothing
                self._escaped = place + 1
            case 0x22:
                self._quoted = not self._quoted
            case 0x7B | 0x5B if not self._quoted:
                self._depth += 1
            case 0x7D | 0x5D if not self._quoted:
                self._depth -= 1
                return self._depth == 0
        return False


def begins_document(chunk: bytes) -> bool:
    """Whether what comes is no stream: no line of one begins with a bracket."""
    return chunk.removeprefix(b"\xef\xbb\xbf").lstrip(_SPACE)[:1] in (b"{", b"[")


def chunks_of(body: bytes, provider: Provider) -> list[bytes]:
    """The answer's chunks: what was said, how each choice ended, the usage.

    Raises `UpstreamError` for an error, or what is no answer.
    """
    mapper = read_reply(body, provider)
    try:
        names = {n: loads(raw) for n, raw in mapper.answer.items() if n not in _NOT_NAMES}
        usage = loads_raw_object(body).get("usage")
        told = None if usage is None else loads(usage)  # as it came: it is read once, not twice
    except (ValueError, RecursionError) as error:  # such as a number that none of ours can hold
        raise malformed(provider, f"sent what cannot be read: {error}") from None
    said: list[JsonObject] = []
    ended: list[JsonObject] = []
    for choice in mapper.choices:
        index = choice["index"]
        message = {k: v for k, v in choice["message"].items() if v is not None}
        calls = usable_choices(message.get("tool_calls") or None)
        if calls is None:
            raise malformed(provider, "sent calls of tools that are none")
        for position, call in enumerate(calls):
            call["index"] = position
        shown: JsonObject = {"index": index, "delta": message, "finish_reason": None}
        if choice.get("logprobs") is not None:
            shown["logprobs"] = choice["logprobs"]
        said.append(shown)
        ended.append({"index": index, "delta": {}, "finish_reason": choice["finish_reason"]})
    made: list[dict[str, Any]] = [{**names, "choices": said}, {**names, "choices": ended}]
    if told is not None:
        made.append({**names, "choices": [], "usage": told})
    return [dumps(chunk) for chunk in made]
