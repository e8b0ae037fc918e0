"""Before step 11: exact tokens, where a provider said nothing of usage and the tokenizer is at hand.

What is counted: the texts of the messages, items or blocks, with what the chat format adds to each
message; the tools and the response format as the JSON that was sent; and all text that was handed
on, as one. The members of the three dialects do not contradict each other: one reader does for all.
Not counted are images, sounds and files (what they come to is the vendor's affair), replayed
reasoning (most vendors want none) and the names of the calls in an answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from opengateway.domain.catalog import Endpoint
from opengateway.domain.chat import ChatRequest, Meter
from opengateway.domain.usage import Dimension, Usage
from opengateway.kit.json import JsonObject, dumps, loads
from opengateway.ports.tokens import TokenCounter

MESSAGE_TOKENS: Final = 3
"""Around each message (OpenAI's cookbook, "How to count tokens with tiktoken")."""
NAME_TOKENS: Final = 1
"""Beside the text of a message's name."""
REPLY_TOKENS: Final = 3
"""That open the assistant's turn."""
MAX_INPUT_BYTES: Final = 4 * 1024 * 1024
"""Of a request that is read again. Decoding holds the interpreter, for about 5 ms at this size."""
_TEXTS: Final = (
    *("role", "content", "refusal", "name", "tool_call_id"),
    # Items of Responses: calls, and what they gave.
    *("arguments", "input", "output"),
)
_AS_SENT: Final = ("tools", "functions", "response_format", "output_config")
_UNREAD: Final = frozenset(("reasoning", "thinking", "redacted_thinking", "item_reference"))
"""Items and blocks that hold no text which every vendor wants."""


async def counted_usage(
    counter: TokenCounter, chat: ChatRequest, endpoint: Endpoint, meter: Meter
) -> Usage | None:
    """Our own count, flagged as estimated. None where it cannot be exact, or not soon enough."""
    kept = meter.kept
    if chat.demand is not None:  # no conversation: what this counts is not in it
        return None
    if not endpoint.token_encoding or kept is None or chat.input_bytes > MAX_INPUT_BYTES:
        return None
    output = kept.getvalue()
    if len(output) != meter.characters:  # a wire that counts what it does not keep
        return None
    reader = _Reader(chat, output)
    counts = await counter.count_exact(reader.read, endpoint.token_encoding)
    if counts is None:
        return None
    if meter.input_usage is not None:  # the provider told this much
        quantities = dict(meter.input_usage.quantities)
    else:
        quantities = {Dimension.INPUT: counts[0] + reader.around}
    if counts[1]:
        quantities[Dimension.OUTPUT] = counts[1]
    return Usage(quantities, estimated=True)


def input_texts(chat: ChatRequest) -> list[str]:
    """All that is text in what was sent."""
    return _Reader(chat, "").read()[0]


def tokens_around(chat: ChatRequest) -> int:
    """Tokens that the format adds to those."""
    reader = _Reader(chat, "")
    reader.read()
    return reader.around


class _Reader:
    """The texts of one exchange, read where they are counted."""

    __slots__ = ("_fields", "_output", "around")

    def __init__(self, chat: ChatRequest, output: str) -> None:
        self.around = REPLY_TOKENS
        """Tokens that the chat format adds; known once `read` is done."""
        self._fields = chat.fields
        self._output = output

    def read(self) -> tuple[list[str], list[str]]:
        """The input's texts, and the output's."""
        texts: list[str] = []
        fields = self._fields
        if "system" in fields:  # Anthropic's instructions
            texts += _texts_in(loads(fields["system"]))
            self.around += MESSAGE_TOKENS
        for message in loads(fields["messages"]) if "messages" in fields else ():
            texts += _message_texts(message)
            self.around += MESSAGE_TOKENS + (NAME_TOKENS if message.get("name") else 0)
        texts += (bytes(fields[name]).decode() for name in _AS_SENT if name in fields)
        form = loads(fields["text"]) if "text" in fields else None
        if isinstance(form, dict) and "format" in form:  # where Responses has the answer's form
            texts.append(dumps(form["format"]).decode())
        return texts, [self._output]


def _message_texts(message: JsonObject) -> Iterator[str]:
    if message.get("type") in _UNREAD:
        return
    for name in _TEXTS:
        yield from _texts_in(message.get(name))
    for call in message.get("tool_calls") or ():
        function = call.get("function") or {}
        yield from _texts_in(function.get("name"))
        yield from _texts_in(function.get("arguments"))


def _texts_in(content: Any) -> Iterator[str]:
    """A string, or those parts of an array that are text, calls or results."""
    if isinstance(content, str):
        yield content
    elif isinstance(content, list):
        for part in content:
            if not isinstance(part, dict) or part.get("type") in _UNREAD:
                continue
            if isinstance(part.get("text"), str):
                yield part["text"]
            elif part.get("type") == "tool_use":
                yield from _texts_in(part.get("name"))
                yield dumps(part.get("input")).decode()
            elif part.get("type") == "tool_result":
                yield from _texts_in(part.get("content"))
