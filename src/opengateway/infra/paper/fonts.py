"""The fonts of papers: Noto Sans for Korean and for Japanese, cut down to the characters of one paper.

Both come with the packages that hold them (OFL-1.1), so that a paper looks the same on every machine and
needs nothing from outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from typing import Any, Final

from opengateway.domain.errors import OperatorError

UNITS: Final = 1_000
"""Of an em, in both fonts."""
_FILES: Final = {
    "ko": ("pylopdf_fonts_ko", "NotoSansKR-Regular.otf"),
    "ja": ("pylopdf_fonts_jp", "NotoSansJP-Regular.otf"),
}
_ORDER: Final = {"ja": ("ja", "ko")}
"""Which font is asked first; all others ask the Korean one first."""
_MISSING: Final = "\u25a1"


@dataclass(frozen=True, slots=True)
class Face:
    """One font file. `widths` by character; what is not there the font does not have."""

    name: str
    path: Path
    glyphs: Mapping[str, str] = field(repr=False)
    widths: Mapping[str, int] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Cut:
    """A font with few glyphs. `codes` are what a text is written in: the font's own glyph numbers."""

    program: bytes
    codes: Mapping[str, int]


def faces_for(locale: str) -> tuple[Face, ...]:
    """In the order in which they are asked for a character."""
    return tuple(_face(name) for name in _ORDER.get(locale, ("ko", "ja")))


@cache
def _face(name: str) -> Face:
    package, file = _FILES[name]
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise OperatorError(f"the package {package!r} with the fonts of papers is not installed")
    path = Path(spec.origin).parent / file
    with _open(path) as font:
        glyphs = {chr(code): glyph for code, glyph in font.getBestCmap().items()}
        metrics = font["hmtx"].metrics
        widths = {character: metrics[glyph][0] for character, glyph in glyphs.items()}
    return Face(file.partition("-")[0], path, glyphs, widths)


def _open(path: Path) -> Any:
    return _library("ttLib").TTFont(path, lazy=True)


def _library(module: str) -> Any:
    """Untyped; loaded where a paper is made, so that nobody else pays for it."""
    return import_module(f"fontTools.{module}")


def chosen(character: str, faces: tuple[Face, ...]) -> tuple[Face, str]:
    """Who has a character; an empty square where nobody has it."""
    for face in faces:
        if character in face.glyphs:
            return face, character
    return faces[0], _MISSING if _MISSING in faces[0].glyphs else "?"


def cut(face: Face, characters: set[str]) -> Cut:
    subset = _library("subset")
    options = subset.Options()
    options.layout_features = []
    options.notdef_outline = True
    options.hinting = False
    options.name_IDs = []
    options.drop_tables += ["GPOS", "GSUB", "GDEF", "BASE", "VORG", "vhea", "vmtx", "DSIG"]
    subsetter = subset.Subsetter(options)
    subsetter.populate(unicodes=[ord(c) for c in characters])
    held = BytesIO()
    with _open(face.path) as font:
        subsetter.subset(font)
        font.save(held)
    with _library("ttLib").TTFont(held, lazy=True) as made:
        program: bytes = made.reader["CFF "]
    # Fonts of these are numbered by CID, which subsetting keeps: `cid00034` is 34.
    codes = {c: int(face.glyphs[c].removeprefix("cid")) for c in characters}
    return Cut(program, codes)
