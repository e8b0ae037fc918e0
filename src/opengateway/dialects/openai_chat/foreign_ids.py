"""Ids of what a vendor keeps for an account: files, sounds, caches, conversations (decision 29).

An account upstream serves many teams. Nothing of it is a team's own here, so that no id of it resolves,
whoever sends it: neither on the straight lane, where members pass, nor anywhere else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NoReturn

from opengateway.dialects.openai_chat.shapes import Part
from opengateway.domain.errors import NotFound
from opengateway.kit.json import Raw, loads

MEMBERS: Final = frozenset(
    (
        *("cachedContent", "cached_content", "previous_response_id", "conversation", "container"),
        *("conversation_id", "thread_id", "assistant_id", "vector_store_ids", "file_ids"),
    )
)
"""Members of a request, of its tools and of vendors' own objects that name such things."""
_may_hold: Final = re.compile("|".join((*sorted(MEMBERS), r"\\u")).encode()).search
"""Whether it is worth a closer look: one of the names, or letters that are written as numbers."""
_MAX_DEPTH: Final = 4
_OF_THE_CALLER: Final = frozenset(("function", "custom", "parameters"))
"""What the caller's own tools are described by: any name may stand there."""
_READ_ELSEWHERE: Final = frozenset(("messages", "metadata", "response_format", "functions"))
"""Members of the caller's own words. All others with something in them may be a vendor's."""
_OPENS: Final = (b"{", b"[")


def check_members(fields: Mapping[str, Raw]) -> None:
    """Raises `NotFound` for a member that names what a vendor keeps."""
    if not MEMBERS.isdisjoint(fields):
        for name in MEMBERS.intersection(fields):
            if bytes(fields[name]) not in (b"null", b"[]"):
                _not_here(name)
    for name, raw in fields.items():
        text = bytes(raw)
        if text[:1] in _OPENS and name not in _READ_ELSEWHERE and _may_hold(text):
            _check_within(loads(raw), name, _MAX_DEPTH)


def _check_within(value: Any, path: str, depth: int) -> None:
    if depth == 0:
        return
    if isinstance(value, list):
        for at, one in enumerate(value):
            _check_within(one, f"{path}[{at}]", depth - 1)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name in MEMBERS and inner:
                _not_here(f"{path}.{name[:80]}")
            if name not in _OF_THE_CALLER:
                _check_within(inner, f"{path}.{name[:80]}", depth - 1)


def check_part(part: Part, path: str) -> None:
    """Raises `NotFound` for a part that names an uploaded file."""
    if part.file is not None and part.file.file_id is not None:
        _not_here(f"{path}.file.file_id")
    if part.file_id is not None:
        _not_here(f"{path}.file_id")
    if isinstance(part.source, dict) and part.source.get("file_id") is not None:
        _not_here(f"{path}.source.file_id")


def check_audio(audio: Any, path: str) -> None:
    """Raises `NotFound` for a sound that an answer before held."""
    if isinstance(audio, dict) and audio.get("id") is not None:
        _not_here(path, "send what was said as 'content'")


def _not_here(param: str, instead: str = "send the content itself") -> NoReturn:
    raise NotFound(f"{param!r} names nothing that is kept here; {instead}", param=param)
