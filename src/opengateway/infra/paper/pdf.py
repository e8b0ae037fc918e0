"""PDF 1.7 as far as a paper needs it (ISO 32000-1): pages of text and lines, fonts embedded.

Text is written in glyph numbers of CID-keyed fonts (9.7.4.2) with a map back to characters (9.10.3), so
that it can be searched and copied. The same input gives the same bytes.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from opengateway.infra.paper.fonts import Cut, Face, chosen, cut

WIDTH: Final = 595
HEIGHT: Final = 842
"""A4, in points."""


@dataclass(frozen=True, slots=True)
class Words:
    """A text on a page; `x` is where it begins. From below, as PDF counts."""

    x: float
    y: float
    size: float
    text: str
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across."""

    x: float
    y: float
    width: float


Mark = Words | Rule


def width_of(text: str, size: float, faces: tuple[Face, ...]) -> float:
    total = 0
    for character in text:
        face, shown = chosen(character, faces)
        total += face.widths[shown]
    return total * size / 1_000


def written(
    pages: Sequence[Sequence[Mark]],
    faces: tuple[Face, ...],
    *,
    title: str,
    author: str,
    made_at_ns: int,
) -> bytes:
    used: dict[str, set[str]] = {face.name: set() for face in faces}
    for page in pages:
        for mark in page:
            if isinstance(mark, Words):
                for character in mark.text:
                    face, shown = chosen(character, faces)
                    used[face.name].add(shown)
    cuts = {face.name: cut(face, used[face.name]) for face in faces if used[face.name]}
    names = {name: f"F{number}" for number, name in enumerate(cuts, 1)}
    file = _File()
    fonts = {
        names[face.name]: _font(file, face, cuts[face.name]) for face in faces if face.name in cuts
    }
    resources = "<< /Font << " + " ".join(f"/{n} {i} 0 R" for n, i in fonts.items()) + " >> >>"
    tree = file.reserve()
    kids = []
    for page in pages:
        content = file.stream(_drawn(page, faces, cuts, names))
        kids.append(
            file.add(
                f"<< /Type /Page /Parent {tree} 0 R /MediaBox [0 0 {WIDTH} {HEIGHT}]"
                f" /Resources {resources} /Contents {content} 0 R >>"
            )
        )
    listed = " ".join(f"{kid} 0 R" for kid in kids)
    file.fill(tree, f"<< /Type /Pages /Kids [{listed}] /Count {len(kids)} >>")
    root = file.add(f"<< /Type /Catalog /Pages {tree} 0 R >>")
    made = datetime.fromtimestamp(made_at_ns // 1_000_000_000, UTC).strftime("D:%Y%m%d%H%M%SZ")
    info = file.add(
        f"<< /Title {_text(title)} /Author {_text(author)} /CreationDate ({made})"
        " /Producer (OpenGateway) >>"
    )
    return file.done(root, info)


class _File:
    """Objects, and where each of them begins."""

    def __init__(self) -> None:
        self._objects: list[bytes] = []

    def reserve(self) -> int:
        self._objects.append(b"")
        return len(self._objects)

    def fill(self, number: int, body: str | bytes) -> None:
        self._objects[number - 1] = body.encode("ascii") if isinstance(body, str) else body

    def add(self, body: str | bytes) -> int:
        number = self.reserve()
        self.fill(number, body)
        return number

    def stream(self, data: bytes, about: str = "") -> int:
        packed = zlib.compress(data, 9)
        head = f"<< /Length {len(packed)} /Filter /FlateDecode {about}>>\nstream\n".encode()
        return self.add(head + packed + b"\nendstream")

    def done(self, root: int, info: int) -> bytes:
        # The second line tells programs that this is not text (7.5.2).
        out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
        places = []
        for number, body in enumerate(self._objects, 1):
            places.append(len(out))
            out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
        start = len(out)
        out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(places) + 1)
        for place in places:
            out += b"%010d 00000 n \n" % place
        out += b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R >>\n" % (
            len(places) + 1,
            root,
            info,
        )
        out += b"startxref\n%d\n%%%%EOF\n" % start
        return bytes(out)


def _font(file: _File, face: Face, made: Cut) -> int:
    tag = f"OGAAAA+{face.name}"
    program = file.stream(made.program, "/Subtype /CIDFontType0C ")
    descriptor = file.add(
        f"<< /Type /FontDescriptor /FontName /{tag} /Flags 4 /FontBBox [-1000 -300 2000 1000]"
        f" /ItalicAngle 0 /Ascent 880 /Descent -120 /CapHeight 733 /StemV 80"
        f" /FontFile3 {program} 0 R >>"
    )
    by_code = sorted((code, character) for character, code in made.codes.items())
    widths = " ".join(f"{code} [{face.widths[character]}]" for code, character in by_code)
    below = file.add(
        f"<< /Type /Font /Subtype /CIDFontType0 /BaseFont /{tag} /DW 1000 /W [{widths}]"
        " /CIDSystemInfo << /Registry (Adobe) /Ordering (Identity) /Supplement 0 >>"
        f" /FontDescriptor {descriptor} 0 R >>"
    )
    back = file.stream(_to_unicode(by_code))
    return file.add(
        f"<< /Type /Font /Subtype /Type0 /BaseFont /{tag} /Encoding /Identity-H"
        f" /DescendantFonts [{below} 0 R] /ToUnicode {back} 0 R >>"
    )


def _to_unicode(by_code: Sequence[tuple[int, str]]) -> bytes:
    parts = [
        "/CIDInit /ProcSet findresource begin 12 dict begin begincmap",
        "/CMapName /OpenGateway def /CMapType 2 def",
        "1 begincodespacerange <0000> <FFFF> endcodespacerange",
    ]
    for at in range(0, len(by_code), 100):  # no more in one block (Adobe Technical Note 5014)
        block = by_code[at : at + 100]
        lines = [f"<{code:04X}> <{c.encode('utf-16-be').hex().upper()}>" for code, c in block]
        parts += [f"{len(block)} beginbfchar", *lines, "endbfchar"]
    parts.append("endcmap CMapName currentdict /CMap defineresource pop end end")
    return "\n".join(parts).encode("ascii")


def _drawn(
    page: Sequence[Mark],
    faces: tuple[Face, ...],
    cuts: Mapping[str, Cut],
    names: Mapping[str, str],
) -> bytes:
    out: list[str] = []
    for mark in page:
        if isinstance(mark, Rule):
            out.append(f"0.5 w {mark.x:g} {mark.y:g} m {mark.x + mark.width:g} {mark.y:g} l S")
            continue
        # Bold is the same outline with a line around it.
        style = "2 Tr 0.35 w" if mark.bold else "0 Tr"
        out.append(f"BT {style} {mark.x:g} {mark.y:g} Td")
        run, last = "", ""
        for character in mark.text:
            face, shown = chosen(character, faces)
            if run and face.name != last:
                out.append(f"/{names[last]} {mark.size:g} Tf <{run}> Tj")
                run = ""
            last = face.name
            run += f"{cuts[face.name].codes[shown]:04X}"
        if run:
            out.append(f"/{names[last]} {mark.size:g} Tf <{run}> Tj")
        out.append("ET")
    return "\n".join(out).encode("ascii")


def _text(text: str) -> str:
    """A text string of any script (7.9.2.2)."""
    return f"<FEFF{text.encode('utf-16-be').hex().upper()}>"
