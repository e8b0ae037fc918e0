"""A fence around JSON, taken off: some models write one though they are told not to.

Only for answers that have to be JSON: such a one never begins with a fence of its own. Text is held
back as long as it may still be the opening of one, and the last few characters always.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

import msgspec

from opengateway.domain.chat import ChatRequest
from opengateway.domain.events import End, Event, Finish, TextDelta, ToolStart
from opengateway.ports.translation import StreamParser

_OPENING: Final = re.compile(r"\s*```[a-zA-Z]{0,8}[ \t]*\r?\n")
_MAY_OPEN: Final = re.compile(r"\s*(?:`{0,2}|```[a-zA-Z]{0,8}[ \t]*\r?)")
_CLOSING: Final = re.compile(r"\s*```\s*\Z")
_TAIL: Final = 16
"""Characters of a closing fence, with the white space around it."""
_LONGEST_OPENING: Final = 64


_FORMS: Final = frozenset(("json_object", "json_schema"))


def unfenced(chat: ChatRequest, events: Sequence[Event]) -> Sequence[Event]:
    """A whole answer's events."""
    return Unfenced().take(events) if chat.facts.response_format in _FORMS else events


def unfencing(chat: ChatRequest, parser: StreamParser) -> StreamParser:
    """A stream's parser."""
    return UnfencedParser(parser) if chat.facts.response_format in _FORMS else parser


class Unfenced:
    """Of one answer, all its choices."""

    __slots__ = ("_choices",)

    def __init__(self) -> None:
        self._choices: dict[int, _Choice] = {}

    def take(self, events: Sequence[Event]) -> list[Event]:
        out: list[Event] = []
        for event in events:
            if isinstance(event, TextDelta):
                choice = self._choices.setdefault(event.choice, _Choice())
                if text := choice.take(event.text):
                    out.append(msgspec.structs.replace(event, text=text))
                choice.last = event
                continue
            if isinstance(event, Finish | End | ToolStart):
                out += self._rest()
            out.append(event)
        return out

    def _rest(self) -> list[Event]:
        """What was held back, once no more text comes."""
        out: list[Event] = []
        for choice in self._choices.values():
            if (text := choice.rest()) and choice.last is not None:
                out.append(msgspec.structs.replace(choice.last, text=text))
        return out


class UnfencedParser:
    """See `ports.translation.StreamParser`."""

    __slots__ = ("_parser", "_unfenced")

    def __init__(self, parser: StreamParser) -> None:
        self._parser = parser
        self._unfenced = Unfenced()

    def feed(self, chunk: bytes) -> Sequence[Event]:
        return self._unfenced.take(self._parser.feed(chunk))

    def end(self) -> Sequence[Event]:
        return self._unfenced.take(self._parser.end())


class _Choice:
    __slots__ = ("_held", "_is_fenced", "last")

    def __init__(self) -> None:
        self._held = ""
        self._is_fenced: bool | None = None
        """None until the opening is known."""
        self.last: TextDelta | None = None

    def take(self, text: str) -> str:
        """What may be shown now."""
        if self._is_fenced is False:
            return text
        self._held += text
        if self._is_fenced is None:
            found = _OPENING.match(self._held)
            if found is not None:
                self._is_fenced, self._held = True, self._held[found.end() :]
            elif len(self._held) < _LONGEST_OPENING and _MAY_OPEN.fullmatch(self._held):
                return ""
            else:
                self._is_fenced = False
                shown, self._held = self._held, ""
                return shown
        shown, self._held = self._held[:-_TAIL], self._held[-_TAIL:]
        return shown

    def rest(self) -> str:
        held, self._held = self._held, ""
        return _CLOSING.sub("", held) if self._is_fenced else held
