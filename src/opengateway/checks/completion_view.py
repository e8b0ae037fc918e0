"""A legacy completion as the official clients would put it together, and what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from opengateway.kit.json import JsonObject

_FINISHES = ("stop", "length", "content_filter")


@dataclass(slots=True)
class SeenCompletion:
    texts: list[str] = field(default_factory=list)
    """By choice."""
    faults: list[str] = field(default_factory=list)


def see_completion(answer: Any, model_id: str) -> SeenCompletion:
    """A whole answer, or the chunks of a stream."""
    chunks: list[JsonObject] = answer if isinstance(answer, list) else [answer]
    seen = SeenCompletion()
    texts: dict[int, str] = {}
    finishes: dict[int, str] = {}
    if len({chunk.get("id") for chunk in chunks}) > 1:
        seen.faults.append("the id changes")
    for chunk in chunks:
        if chunk.get("model") != model_id or chunk.get("object") != "text_completion":
            seen.faults.append("the model or the object is called otherwise")
        if not chunk.get("id") or not isinstance(chunk.get("created"), int):
            seen.faults.append("id or created is missing")
        for choice in chunk["choices"]:
            missing = [n for n in ("text", "index", "logprobs", "finish_reason") if n not in choice]
            if missing:
                seen.faults.append(f"a choice lacks {', '.join(missing)}")
            at = choice["index"]
            if at in finishes:
                seen.faults.append("a text or a second finish after the finish")
            texts[at] = texts.get(at, "") + choice["text"]
            if choice["finish_reason"] is not None:
                finishes[at] = choice["finish_reason"]
    if (
        any(finish not in _FINISHES for finish in finishes.values())
        or finishes.keys() != texts.keys()
    ):
        seen.faults.append("a choice has no finish, or one that is unknown")
    seen.texts = [texts[at] for at in sorted(texts)]
    return seen
