"""PDFs: every character is there as a drawn glyph and as text, in three scripts."""

from __future__ import annotations

import re
import zlib
from importlib import import_module
from io import BytesIO
from typing import Any

import pytest

from opengateway.domain.paper import Paper, PaperTable, Party
from opengateway.infra.paper.layout import PdfPress

_CFF: Any = import_module("fontTools.cffLib")
_PENS: Any = import_module("fontTools.pens.boundsPen")
KOREAN = "주식회사 에이크미 서울특별시 부가가치세"
JAPANESE = "株式会社サンプル 領収書 ガギグ 髙橋"


def paper(locale: str, rows: int = 2) -> Paper:
    return Paper(
        title="Receipt",
        facts=(("Number", "KR-R-2026-000001"),),
        parties=(Party("From", (KOREAN,)), Party("To", (JAPANESE, "x" * 300))),
        tables=(PaperTable(("What", "Amount"), tuple((f"row {n}", "$5.00") for n in range(rows))),),
        totals=(("Net", "$5.00"), ("Total", "$5.50")),
        notes=("≈ ₩7,500 ¥820 €4",),
        locale=locale,
        made_at_ns=1_764_000_000_000_000_000,
    )


class Pdf:
    """Read back, as far as ours are written."""

    def __init__(self, data: bytes) -> None:
        assert data.startswith(b"%PDF-1.7\n")
        assert data.endswith(b"%%EOF\n")
        self.objects = {
            int(number): body
            for number, body in re.findall(rb"(?s)(\d+) 0 obj\n(.*?)\nendobj\n", data)
        }
        start = int(re.findall(rb"startxref\n(\d+)", data)[-1])
        table = data[start:].split(b"\n")[3 : 3 + len(self.objects)]
        for number, line in enumerate(table, 1):
            assert data[int(line.split()[0]) :].startswith(b"%d 0 obj" % number)

    def stream(self, number: int) -> bytes:
        body = self.objects[number]
        return zlib.decompress(body.partition(b"stream\n")[2].removesuffix(b"\nendstream"))

    def number(self, pattern: bytes, body: bytes) -> int:
        found = re.search(pattern + rb" \[?(\d+) 0 R", body)
        assert found, (pattern, body)
        return int(found[1])

    def fonts(self) -> dict[bytes, tuple[dict[int, str], bytes]]:
        """By name in a page: codes to characters, and the font's program."""
        page = next(b for b in self.objects.values() if b"/Type /Page " in b)
        found = {}
        for name, number in re.findall(rb"/(F\d) (\d+) 0 R", page):
            top = self.objects[int(number)]
            below = self.objects[self.number(rb"/DescendantFonts", top)]
            descriptor = self.objects[self.number(rb"/FontDescriptor", below)]
            program = self.stream(self.number(rb"/FontFile3", descriptor))
            back = self.stream(self.number(rb"/ToUnicode", top)).decode()
            codes = {
                int(code, 16): bytes.fromhex(c).decode("utf-16-be")
                for code, c in re.findall(r"(?m)^<([0-9A-F]{4})> <([0-9A-F]{4,8})>$", back)
            }
            found[name] = codes, program
        return found

    def pages(self) -> list[bytes]:
        return [
            self.stream(self.number(rb"/Contents", body))
            for body in self.objects.values()
            if b"/Type /Page " in body
        ]


@pytest.mark.parametrize("locale", ["en", "ko", "ja"])
def test_every_character_is_text_and_a_drawn_glyph(locale: str) -> None:
    pdf = Pdf(PdfPress().pdf(paper(locale)))
    fonts = pdf.fonts()
    said = ""
    for page in pdf.pages():
        for name, run in re.findall(rb"/(F\d) [\d.]+ Tf <([0-9A-F]+)> Tj", page):
            codes = fonts[name][0]
            said += "".join(codes[int(run[at : at + 4], 16)] for at in range(0, len(run), 4))
    plain = said.replace(" ", "")
    for words in (KOREAN, JAPANESE, "≈ ₩7,500 ¥820 €4", "KR-R-2026-000001"):
        assert words.replace(" ", "") in plain, words
    for codes, program in fonts.values():
        font = _CFF.CFFFontSet()
        font.decompile(BytesIO(program), None)
        glyphs = font[0].CharStrings
        for code, character in codes.items():
            pen = _PENS.BoundsPen(None)
            glyphs[f"cid{code:05}"].draw(pen)
            assert (pen.bounds is None) == character.isspace(), character


def test_a_long_table_goes_on_overleaf_with_its_heads_and_pages_are_numbered() -> None:
    data = PdfPress().pdf(paper("en", rows=200))
    pdf = Pdf(data)
    assert len(pdf.pages()) == 5
    assert len(data) < 60_000


def test_the_same_paper_is_the_same_bytes() -> None:
    assert PdfPress().pdf(paper("ko")) == PdfPress().pdf(paper("ko"))


def test_what_no_font_has_is_an_empty_square() -> None:
    odd = Paper("t", (), (Party("a", ("😀 ok",)),), (), (("Total", "1"),))
    codes = next(iter(Pdf(PdfPress().pdf(odd)).fonts().values()))[0]
    assert "□" in codes.values()
