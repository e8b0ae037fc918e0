"""`multipart/form-data` (RFC 7578) within bounds: whole bodies, strict, nothing guessed.

Parts are views of the body: a file is not copied. Everything is bounded: the number of parts, the
size of their heads, of texts, and of the boundary. What other parsers mend - a part without a name, a
line that ends in LF alone, bytes after the last boundary - is refused: what was read is what is sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

MAX_PARTS: Final = 64
MAX_HEAD_BYTES: Final = 4096
MAX_TEXT_BYTES: Final = 64 * 1024
MAX_NAME: Final = 256

_TYPE: Final = re.compile(
    r'multipart/form-data\s*;(?:[^"]*;)?\s*boundary=(?:"([^"\\]{1,70})"|([^\s;"]{1,70}))\s*(?:;.*)?',
    re.IGNORECASE,
)
_BOUNDARY: Final = re.compile(r"[0-9A-Za-z'()+_,./:=? -]{0,69}[0-9A-Za-z'()+_,./:=?-]")
"""RFC 2046, 5.1.1."""
_PARAMETER: Final = re.compile(r';\s*([a-z*]{1,20})=(?:"((?:[^"\\]|\\.){0,512})"|([^\s;"]{1,256}))')
_ESCAPED: Final = re.compile(r"\\(.)")


class BadForm(ValueError):
    """The body is not a form, or is more than we take. Its text says what, in a few words."""


@dataclass(frozen=True, slots=True)
class Part:
    """`filename` is None for a text."""

    name: str
    filename: str | None
    content_type: str
    data: memoryview

    def text(self) -> str:
        """Raises `BadForm`."""
        if len(self.data) > MAX_TEXT_BYTES:
            raise BadForm(f"the field {self.name!r} is longer than {MAX_TEXT_BYTES} bytes")
        try:
            return bytes(self.data).decode()
        except UnicodeDecodeError:
            raise BadForm(f"the field {self.name!r} is not UTF-8") from None


def boundary_of(content_type: str) -> bytes:
    """Raises `BadForm`."""
    found = _TYPE.fullmatch(content_type.strip()) if len(content_type) <= 512 else None
    boundary = (found[1] or found[2]) if found is not None else None
    if boundary is None or _BOUNDARY.fullmatch(boundary) is None:
        raise BadForm("the content-type is not multipart/form-data with a boundary")
    return boundary.encode()


def parts_of(body: bytes, content_type: str) -> list[Part]:
    """Every part, in order. Raises `BadForm`."""
    line = b"--" + boundary_of(content_type)
    if not body.startswith(line):
        raise BadForm("the body does not begin with the boundary")
    view = memoryview(body)
    parts: list[Part] = []
    at = len(line)
    delimiter = b"\r\n" + line
    while True:
        after = body[at : at + 2]
        if after == b"--":
            if body[at + 2 :] not in (b"", b"\r\n"):
                raise BadForm("something follows the last boundary")
            return parts
        if after != b"\r\n":
            raise BadForm("a boundary is not followed by a line break")
        if len(parts) == MAX_PARTS:
            raise BadForm(f"the form has more than {MAX_PARTS} parts")
        head_end = body.find(b"\r\n\r\n", at, at + 2 + MAX_HEAD_BYTES)
        if head_end < 0:
            raise BadForm(f"a part's headers are not complete within {MAX_HEAD_BYTES} bytes")
        end = body.find(delimiter, head_end + 2)
        if end < 0:
            raise BadForm("the last boundary is missing")
        parts.append(_part(body[at + 2 : head_end], view[head_end + 4 : max(head_end + 4, end)]))
        at = end + len(delimiter)


def _part(head: bytes, data: memoryview) -> Part:
    headers: dict[str, str] = {}
    try:
        lines = head.decode().split("\r\n") if head else []
    except UnicodeDecodeError:
        raise BadForm("a part's headers are not UTF-8") from None
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or not name or name != name.strip() or name in headers:
            raise BadForm("a part has a header that is none, or one twice")
        if not value.replace("\t", " ").isprintable():
            raise BadForm("a part's header holds control characters")
        headers[name] = value.strip()
    disposition = headers.get("content-disposition", "")
    kind, _, rest = disposition.partition(";")
    if kind.strip().lower() != "form-data":
        raise BadForm("a part is not form-data")
    given = {
        found[1].lower(): _ESCAPED.sub(r"\1", found[2]) if found[2] is not None else found[3]
        for found in _PARAMETER.finditer(f";{rest}")
    }
    name = given.get("name", "")
    if not name or len(name) > MAX_NAME:
        raise BadForm("a part has no name")
    if headers.get("content-transfer-encoding", "binary").lower() not in ("binary", "8bit", "7bit"):
        raise BadForm("a part is encoded; send it as it is")
    filename = given.get("filename")
    return Part(name, filename, headers.get("content-type", "")[:MAX_NAME], data)
