"""Puts a paper on pages: parties beside each other, tables that go on overleaf, the sum set off."""

from __future__ import annotations

from typing import Final

from opengateway.domain.paper import Paper, PaperTable
from opengateway.infra.paper.fonts import Face, faces_for
from opengateway.infra.paper.pdf import HEIGHT, WIDTH, Mark, Rule, Words, width_of, written

_LEFT: Final = 56.0
_RIGHT: Final = WIDTH - 56.0
_TOP: Final = HEIGHT - 64.0
_BOTTOM: Final = 64.0
_SIZE: Final = 9.5
_LEAD: Final = 14.0
_MAX_PAGES: Final = 200


class PdfPress:
    """`PaperPress` (ports/paper.py)."""

    def pdf(self, paper: Paper) -> bytes:
        faces = faces_for(paper.locale)
        pages = _Pages(faces)
        pages.title(paper)
        for table in paper.tables:
            pages.table(table)
        pages.totals(paper.totals)
        for note in paper.notes:
            pages.paragraph(note)
        return written(
            pages.numbered(),
            faces,
            title=paper.title,
            author=paper.author,
            made_at_ns=paper.made_at_ns,
        )


class _Pages:
    def __init__(self, faces: tuple[Face, ...]) -> None:
        self._faces = faces
        self._pages: list[list[Mark]] = [[]]
        self._y = _TOP

    def title(self, paper: Paper) -> None:
        self._words(_LEFT, 20, paper.title, bold=True)
        self._y -= 30
        for label, value in paper.facts:
            self._words(_LEFT, _SIZE, label)
            self._words(_LEFT + 120, _SIZE, value)
            self._y -= _LEAD
        self._y -= 12
        began, lowest = self._y, self._y
        width = (_RIGHT - _LEFT) / max(1, len(paper.parties)) - 12
        for number, party in enumerate(paper.parties):
            x, self._y = _LEFT + number * (width + 12), began
            self._words(x, _SIZE, party.heading, bold=True)
            self._y -= _LEAD
            for line in party.lines:
                for part in self._wrapped(line, width):
                    self._words(x, _SIZE, part)
                    self._y -= _LEAD
            lowest = min(lowest, self._y)
        self._y = lowest - 12

    def table(self, table: PaperTable) -> None:
        columns = len(table.heads)
        step = 84.0
        edges = [_RIGHT - step * (columns - 1 - n) for n in range(1, columns)]
        first = (edges[0] - step if edges else _RIGHT) - _LEFT
        self._row(table.heads, edges, first, bold=True)
        self._rule()
        for row in table.rows:
            if self._y < _BOTTOM + 2 * _LEAD:
                self._turn()
                self._row(table.heads, edges, first, bold=True)
                self._rule()
            self._row(row, edges, first)
        self._rule()
        self._y -= 10

    def _row(
        self, cells: tuple[str, ...], edges: list[float], first: float, *, bold: bool = False
    ) -> None:
        for edge, cell in zip(edges, cells[1:], strict=True):
            self._words(edge - self._width(cell), _SIZE, cell, bold=bold)
        for part in self._wrapped(cells[0], first):
            self._words(_LEFT, _SIZE, part, bold=bold)
            self._y -= _LEAD

    def totals(self, totals: tuple[tuple[str, str], ...]) -> None:
        if self._y < _BOTTOM + _LEAD * (len(totals) + 2):
            self._turn()
        for number, (label, value) in enumerate(totals):
            last = number == len(totals) - 1
            self._words(_RIGHT - 250, _SIZE, label, bold=last)
            self._words(_RIGHT - self._width(value), _SIZE, value, bold=last)
            self._y -= _LEAD
        self._y -= 16

    def paragraph(self, text: str) -> None:
        for part in self._wrapped(text, _RIGHT - _LEFT):
            if self._y < _BOTTOM + _LEAD:
                self._turn()
            self._words(_LEFT, _SIZE, part)
            self._y -= _LEAD

    def numbered(self) -> list[list[Mark]]:
        total = len(self._pages)
        for number, page in enumerate(self._pages, 1):
            text = f"{number} / {total}"
            page.append(Words(_RIGHT - self._width(text), 36, _SIZE, text))
        return self._pages

    def _turn(self) -> None:
        assert len(self._pages) < _MAX_PAGES, "rows of a paper are bounded by who makes it"
        self._pages.append([])
        self._y = _TOP

    def _rule(self) -> None:
        self._pages[-1].append(Rule(_LEFT, self._y + _LEAD - 4, _RIGHT - _LEFT))
        self._y -= 4

    def _words(self, x: float, size: float, text: str, *, bold: bool = False) -> None:
        if text:
            self._pages[-1].append(Words(x, self._y, size, text, bold))

    def _width(self, text: str) -> float:
        return width_of(text, _SIZE, self._faces)

    def _wrapped(self, text: str, width: float) -> list[str]:
        """Lines that fit: broken at spaces where there are some, else anywhere."""
        lines, line = [], ""
        for word in text.split(" "):
            tried = f"{line} {word}" if line else word
            if self._width(tried) <= width:
                line = tried
                continue
            if line:
                lines.append(line)
            line = word
            while self._width(line) > width and len(line) > 1:
                fits = len(line) - 1
                while fits > 1 and self._width(line[:fits]) > width:
                    fits -= 1
                lines.append(line[:fits])
                line = line[fits:]
        lines.append(line)
        return lines
