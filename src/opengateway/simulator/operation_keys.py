"""What makes two requests of an operation the same, and what an event of a completion is."""

from __future__ import annotations

from typing import Any, Final

from opengateway.simulator.case_keys import CaseKeys
from opengateway.simulator.rendering import FrameKind

ENDPOINTS: Final = {
    "embeddings": "embeddings",
    "rerank": "rerank",
    "images": "images",
    "completions": "completions",
    "moderations": "moderations",
    "embedContent": "embed",
    "predict": "embed",
}
"""Recorded endpoints to the operation's name here. Google's three are one: the path tells them."""


def _texts(value: Any) -> Any:
    """A text alone and a list of it are the same."""
    return [value] if isinstance(value, str) else value


def asked_of(body: dict[str, Any]) -> Any:
    """What is embedded, ranked, drawn or gone on with, whatever its member is called."""
    contents = [
        request.get("content")
        for request in body.get("requests") or body.get("instances") or ()
        if isinstance(request, dict)
    ]
    given = [_texts(body.get(n)) for n in ("input", "texts", "prompt", "query", "documents")]
    return [*given, *contents, body.get("content")]


def classify_completion(data: bytes) -> FrameKind:
    """The kind of an event with this data."""
    tight = data.replace(b": ", b":")
    if data == b"[DONE]":
        return "done"
    if b'"finish_reason":"' in tight:
        return "finish"
    return "usage" if b'"choices":[]' in tight else "content"


OPERATIONS: Final = CaseKeys(
    member="",
    messages=asked_of,
    others=lambda body: None,
    rest=("encoding_format", "dimensions", "output_dimension", "n", "size", "top_n", "quality"),
)
