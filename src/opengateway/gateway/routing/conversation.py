"""Which conversation a request belongs to, so that it goes where the cache of it is.

The caller's own name for it first: `session_id` (the member, a header, an agent's `metadata`), then
`prompt_cache_key`. A request that names none is known by how it opens: its instructions, the first
system message and the first other message. What a later turn adds does not change that. So does a
`previous_response_id`: what it stands for is put in its place before the request comes here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

from opengateway.domain.chat import ChatRequest

LEAST_INPUT_BYTES: Final = 1_500
"""Below, nothing is cached: the least that a provider caches is 512 tokens."""
_OPENING_BYTES: Final = 4096
"""Of a text, with its length: that says enough."""
_FORM: Final = re.compile(rb'["\[\]{}]')
_MOST_STEPS: Final = 4_000
_BACKSLASH: Final = 0x5C
_STRUCTURE: Final = frozenset(
    b'"%b"' % word
    for word in (
        *(b"role", b"content", b"type", b"text", b"input_text", b"message", b"cache_control"),
        *(b"ephemeral", b"ttl", b"5m", b"1h", b"prompt_cache_breakpoint", b"mode", b"explicit"),
    )
)
"""Words of a message's form: where its mark for the cache stands moves from turn to turn, and what
was a string becomes a list of parts for it."""
_FIRST: Final = (b'"system"', b'"developer"')


@dataclass(frozen=True, slots=True)
class Conversation:
    digest: bytes
    """Of team, model and name: no team can meet another's."""
    source: str
    """`session_id`, `prompt_cache_key`, or `opening`. Shown."""

    @property
    def is_named(self) -> bool:
        return self.source != "opening"


def conversation_of(chat: ChatRequest, team_id: str) -> Conversation | None:
    """None for one that has no name and is too short to be cached."""
    if chat.session_id is not None:
        return _made(chat, team_id, "session_id", chat.session_id.encode())
    key = chat.fields.get("prompt_cache_key")
    if key is not None and len(key) > 2:
        return _made(chat, team_id, "prompt_cache_key", bytes(key))
    if chat.input_bytes < LEAST_INPUT_BYTES:
        return None
    opening = opening_of(chat)
    return _made(chat, team_id, "opening", opening) if opening else None


def _made(chat: ChatRequest, team_id: str, source: str, name: bytes) -> Conversation:
    digest = blake2b(digest_size=16)
    for part in (team_id.encode(), chat.model.encode(), source.encode(), name):
        digest.update(b"%d:" % len(part))
        digest.update(part)
    return Conversation(digest.digest(), source)


def opening_of(chat: ChatRequest) -> bytes:
    """The words that the conversation begins with; empty where there are none."""
    fields = chat.fields
    words: list[bytes] = []
    for name in ("system", "instructions"):
        if (found := fields.get(name)) is not None:
            words.append(bytes(found)[:_OPENING_BYTES])
    for name in ("messages", "input"):
        if (found := fields.get(name)) is not None:
            words += _first_messages(bytes(found))
            break
    return b"\n".join(words)


def _first_messages(array: bytes) -> list[bytes]:
    """Of the first system message and the first other one, or of a bare string, the words."""
    if array[:1] == b'"':
        return [array[:_OPENING_BYTES]]
    found: list[bytes] = []
    words: list[bytes] = []
    depth = at = 0
    for _ in range(_MOST_STEPS):
        form = _FORM.search(array, at)
        if form is None:
            break
        at = form.end()
        match form[0]:
            case b'"':
                end = _string_end(array, at)
                word = array[at - 1 : end]
                if len(word) > _OPENING_BYTES:
                    word = b"%b %d" % (word[:_OPENING_BYTES], len(word))
                at = end
                if word not in _STRUCTURE:
                    words.append(word)
            case b"{" | b"[":
                depth += 1
            case _:
                depth -= 1
                if depth == 1:
                    found += words
                    if not any(word in _FIRST for word in words):
                        return found
                    words = []
    return found or words


def _string_end(array: bytes, at: int) -> int:
    """Where the string that began before `at` is over. It is found in leaps: texts are long."""
    while (end := array.find(b'"', at)) >= 0:
        before = end
        while array[before - 1] == _BACKSLASH:
            before -= 1
        if (end - before) % 2 == 0:
            return end + 1
        at = end + 1
    return len(array)
