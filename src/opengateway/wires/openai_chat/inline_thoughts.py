"""Thoughts that stand in the text, as `<think>...</think>` before the answer (Perplexity's reasoners,
GLM on Cerebras). They leave as `reasoning_content`; only at the beginning of a text are such tags one.
"""

from __future__ import annotations

from typing import Final

from opengateway.kit.json import JsonObject

_OPEN: Final = "<think>"
_CLOSE: Final = "</think>"


class InlineThoughts:
    """One text as it comes in pieces. What may be a tag's beginning is held back until it is known."""

    __slots__ = ("_held", "_state")

    def __init__(self) -> None:
        self._state = "start"
        self._held = ""

    @property
    def is_settled(self) -> bool:
        """Whether all that comes now is the answer, as it is."""
        return self._state == "text"

    def split(self, piece: str) -> tuple[str, str]:
        """What of it is thought, and what is said."""
        thought = ""
        text = self._held + piece
        self._held = ""
        if self._state == "start":
            bare = text.lstrip()
            if not bare or (len(bare) < len(_OPEN) and _OPEN.startswith(bare)):
                self._held = text
                return "", ""
            if not bare.startswith(_OPEN):
                self._state = "text"
                return "", text
            self._state, text = "opened", bare[len(_OPEN) :]
        if self._state == "opened":  # a break after the tag is the tag's
            text = text.lstrip("\n")
            self._state = "thought" if text else "opened"
        if self._state == "thought":
            thought, close, text = text.partition(_CLOSE)
            if not close:
                at = _begun(thought)
                self._held = thought[at:]
                return thought[:at], ""
            self._state = "closed"
        if self._state == "closed":
            text = text.lstrip("\n")
            self._state = "text" if text else "closed"
        return thought.rstrip("\n") if self._state != "thought" else thought, text

    def rest(self) -> tuple[str, str]:
        """What was held, at the end."""
        held, self._held = self._held, ""
        return (held, "") if self._state == "thought" else ("", held)


def _begun(thought: str) -> int:
    """Where a closing tag, and the breaks before it, may have begun."""
    for size in range(min(len(_CLOSE) - 1, len(thought)), 0, -1):
        if _CLOSE.startswith(thought[-size:]):
            return len(thought[:-size].rstrip("\n"))
    return len(thought.rstrip("\n"))


def part_thoughts(message: JsonObject, thoughts: InlineThoughts, *, is_last: bool) -> bool:
    """Take a text's thoughts out of it, in place. Whether it changed."""
    content = message.get("content")
    if thoughts.is_settled or message.get("reasoning_content"):
        return False
    thought, text = thoughts.split(content) if isinstance(content, str) else ("", "")
    if is_last:
        more = thoughts.rest()
        thought, text = thought + more[0], text + more[1]
    if not thought and text == (content or ""):
        return False
    message["content"] = text
    if thought:
        message["reasoning_content"] = thought
    return True
