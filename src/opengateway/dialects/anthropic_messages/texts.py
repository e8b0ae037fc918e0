"""What is counted of a request where its model's vocabulary is at hand."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from opengateway.domain.chat import ChatRequest
from opengateway.kit.json import dumps, loads

MESSAGE_TOKENS: Final = 3
"""Around each message (OpenAI's cookbook, "How to count tokens with tiktoken")."""
REPLY_TOKENS: Final = 3
_AS_SENT: Final = ("tools", "output_config")


def counted_texts(chat: ChatRequest) -> list[str]:
    """All that is text: the instructions, what was said, calls and their results, and the tools as
    the JSON that was sent. Not images and files, and no replayed thoughts."""
    fields = chat.fields
    texts: list[str] = []
    if "system" in fields:
        texts += _texts_in(loads(fields["system"]))
    for message in loads(fields["messages"]):
        texts.append(message["role"])
        texts += _texts_in(message["content"])
    texts += (bytes(fields[name]).decode() for name in _AS_SENT if name in fields)
    return texts


def tokens_around(chat: ChatRequest) -> int:
    """Tokens that the format adds."""
    count = len(loads(chat.fields["messages"])) + ("system" in chat.fields)
    return MESSAGE_TOKENS * count + REPLY_TOKENS


def _texts_in(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
        return
    for block in content if isinstance(content, list) else ():
        kind = block.get("type")
        if kind == "text":
            yield block["text"]
        elif kind == "tool_use":
            yield block["name"]
            yield dumps(block["input"]).decode()
        elif kind == "tool_result":
            yield from _texts_in(block.get("content"))
        elif kind == "document" and block["source"].get("type") == "text":
            yield block["source"]["data"]
