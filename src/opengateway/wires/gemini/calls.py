"""Tool calls of an answer: their ids, and arguments that come in pieces (Vertex AI).

A piece is `{jsonPath: "$.a.b[0]", stringValue | numberValue | boolValue | nullValue}`; strings of
one path are joined. The call is told whole, so that its arguments are one JSON object.
"""

from __future__ import annotations

import re
from hashlib import blake2b
from typing import Any, Final

from opengateway.kit.json import JsonObject, dumps

MAX_DEPTH: Final = 64
MAX_INDEX: Final = 10_000
MAX_PIECES: Final = 100_000
_STEP: Final = re.compile(r"""\.([^.\[\]'"]+)|\[(\d{1,6})\]|\['([^']*)'\]|\["([^"]*)"\]""")
_VALUES: Final = ("stringValue", "numberValue", "boolValue", "nullValue")


class BadCall(ValueError):
    """A call that cannot be put together. Its text says why, in a few words."""


def call_id(response_id: str, choice: int, slot: int, name: str, arguments: str) -> str:
    """An id for a call that came without one: the same for the same answer, wherever it was cut.

    29 characters, within what every vendor takes.
    """
    seed = "\0".join((response_id, str(choice), str(slot), name, arguments))
    return f"call_{blake2b(seed.encode('utf-8', 'replace'), digest_size=12).hexdigest()}"


class OpenCall:
    """A call whose arguments have not all come."""

    __slots__ = ("_arguments", "_pieces", "_strings", "id", "name", "slot")

    def __init__(self, slot: int, name: str, id: str, arguments: JsonObject) -> None:
        self.slot = slot
        self.name = name
        self.id = id
        self._arguments = arguments
        self._strings: dict[str, list[str]] = {}
        self._pieces = 0

    def take(self, pieces: Any) -> None:
        """Add `partialArgs`. Raises `BadCall`."""
        if pieces is None:
            return
        if not isinstance(pieces, list):
            raise BadCall("partialArgs that are not a list")
        self._pieces += len(pieces)
        if self._pieces > MAX_PIECES:
            raise BadCall(f"more than {MAX_PIECES} pieces of arguments")
        for piece in pieces:
            if not isinstance(piece, dict) or not isinstance(piece.get("jsonPath"), str):
                raise BadCall("a piece of arguments without a path")
            self._put(piece["jsonPath"], piece)

    def _put(self, path: str, piece: JsonObject) -> None:
        kind = next((name for name in _VALUES if name in piece), None)
        if kind is None:  # a path is named, its value comes later
            return
        value = None if kind == "nullValue" else piece[kind]
        if kind == "stringValue":
            if not isinstance(value, str):
                raise BadCall("a string value that is none")
            self._strings.setdefault(path, []).append(value)
            if len(self._strings[path]) > 1:  # its place is made already: filled in at the end
                return
        _place(self._arguments, steps_of(path), value)

    def arguments(self) -> str:
        """The arguments as JSON text."""
        for path, pieces in self._strings.items():
            if len(pieces) > 1:
                _place(self._arguments, steps_of(path), "".join(pieces))
        return dumps(self._arguments).decode()


def steps_of(path: str) -> list[str | int]:
    """The names and indexes of a JSON path such as `$.a['b'][0]`. Raises `BadCall`."""
    if not path.startswith("$") or len(path) > 4096:
        raise BadCall("a path that does not begin with '$'")
    steps: list[str | int] = []
    at = 1
    while at < len(path):
        found = _STEP.match(path, at)
        if found is None or len(steps) >= MAX_DEPTH:
            raise BadCall("a path that is no JSON path")
        member, index, quoted, double = found.groups()
        steps.append(
            int(index)
            if index is not None
            else next(name for name in (member, quoted, double) if name is not None)
        )
        at = found.end()
    if not steps:
        raise BadCall("a path that names no member")
    return steps


def _place(root: JsonObject, steps: list[str | int], value: Any) -> None:
    """Set the value at `steps`, with the objects and arrays on the way to it. Raises `BadCall`."""
    holder: Any = root
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        fresh: Any = value if following is None else [] if isinstance(following, int) else {}
        if isinstance(step, int):
            if not isinstance(holder, list) or step > min(len(holder), MAX_INDEX):
                raise BadCall("a path that does not fit the arguments")
            if step == len(holder):
                holder.append(fresh)
        elif not isinstance(holder, dict):
            raise BadCall("a path that does not fit the arguments")
        elif step not in holder:
            holder[step] = fresh
        if following is None:
            holder[step] = value
        else:
            holder = holder[step]
