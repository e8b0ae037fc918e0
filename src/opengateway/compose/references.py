"""`env:NAME` and `file:PATH`: how a zone file speaks of what must not stand in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

MAX_FILE_BYTES: Final = 64 * 1024
_ENV: Final = re.compile(r"env:([A-Za-z_][A-Za-z0-9_]*)")
_FILE: Final = re.compile(r"file:(.+)", re.DOTALL)


class BadReference(ValueError):
    """It cannot be read. The message names the variable or file, never what it holds."""


class MissingReference(BadReference):
    """The variable is not set, or there is no such file: an optional credential is left out."""


def is_reference(text: str) -> bool:
    """Whether `text` points elsewhere instead of being the value."""
    return text.startswith(("env:", "file:"))


class References:
    """Reads what a zone file points at. Relative paths start at the file's own folder."""

    __slots__ = ("_environ", "_folder")

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        self._folder = folder
        self._environ = environ

    def read(self, text: str) -> str:
        """The value behind `text`. Raises `BadReference`; an empty variable counts as not set."""
        if found := _ENV.fullmatch(text):
            value = self._environ.get(found[1], "")
            if not value:
                raise MissingReference(f"the environment variable {found[1]!r} is not set; set it")
            return value
        if found := _FILE.fullmatch(text):
            return self._read_file(found[1])
        raise BadReference("expected env:NAME (letters, digits, underscores) or file:PATH")

    def _read_file(self, name: str) -> str:
        path = self._folder / name
        try:
            if not path.is_file():
                raise MissingReference(f"there is no file {name!r}; create it")
            with path.open("rb") as file:
                data = file.read(MAX_FILE_BYTES + 1)
        except (OSError, ValueError) as error:
            if isinstance(error, BadReference):
                raise
            raise BadReference(f"the file {name!r} cannot be read; check its rights") from None
        if len(data) > MAX_FILE_BYTES:
            raise BadReference(f"the file {name!r} is larger than {MAX_FILE_BYTES} bytes")
        try:
            text = data.decode()
        except UnicodeDecodeError:
            raise BadReference(f"the file {name!r} is not UTF-8 text") from None
        # One newline at the end is the editor's, not the secret's.
        text = text.removesuffix("\n").removesuffix("\r")
        if not text:
            raise MissingReference(f"the file {name!r} is empty; write the value into it")
        return text
