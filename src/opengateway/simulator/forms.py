"""The shape of a request as data: members, their types and ranges; read once, refused exactly.

Each wire declares its forms and its words; a `Reader` walks them. What is read is a copy with the
canonical names, so that a wire which takes two spellings works on one.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from opengateway.simulator.personas import Refusal

Path = tuple[str | int, ...]

MAX_DEPTH = 64


@dataclass(frozen=True, slots=True)
class Text:
    """A string; `choices` or `pattern` (a whole match) narrow it."""

    choices: tuple[str, ...] = ()
    pattern: str = ""
    least: int = 0
    most: int = 0
    """The longest; 0 for any length."""


@dataclass(frozen=True, slots=True)
class Number:
    """An integer or, with `fraction`, any number; bounds are inclusive."""

    low: float | None = None
    high: float | None = None
    fraction: bool = False


@dataclass(frozen=True, slots=True)
class Switch:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Base64:
    """Bytes in base64; `url` takes the other alphabet and missing padding too."""

    url: bool = False


@dataclass(frozen=True, slots=True)
class Anything:
    """Any JSON value, or with `mapping` any object; read as it is."""

    mapping: bool = False


@dataclass(frozen=True, slots=True)
class Many:
    """A list; `single` takes one bare element as a list of one."""

    of: Form
    least: int = 0
    most: int = 100_000
    single: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """An object with these members and no others."""

    members: dict[str, Form]
    required: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Mapping:
    """An object whose names the caller chooses."""

    of: Form


@dataclass(frozen=True, slots=True)
class Tagged:
    """An object whose member `by` says which table it is; `default` where that is absent.

    Tags that start with one of `prefixes` are taken unread: tools that the vendor runs itself.
    """

    tables: dict[str, Form]
    by: str = "type"
    default: str = ""
    prefixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Either:
    """A string or a list, each with a form of its own."""

    text: Form
    many: Form


@dataclass(frozen=True, slots=True)
class Later:
    """A form that is declared further on, for forms that hold themselves."""

    form: Callable[[], Form]


Form: TypeAlias = (
    Text | Number | Switch | Base64 | Anything | Many | Table | Mapping | Tagged | Either | Later
)


def _same(name: str) -> str:
    return name


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads values by forms. Raises `Refusal` with the kinds `missing`, `unknown_member`,
    `bad_type`, `bad_choice`, `bad_tag`, `bad_pattern`, `out_of_range`, `bad_base64`, `bad_length`.
    """

    canonical: Callable[[str], str] = _same
    """The name that a member's other spelling stands for."""
    shown: Callable[[str], str] = _same
    """How the vendor spells a name in the paths of its errors."""
    tags_in_paths: bool = False
    words: dict[str, str] = field(default_factory=dict)
    """What the vendor calls a type, by `text`, `integer`, `number`, `boolean`, `object`, `array`."""

    def read(self, form: Form, value: Any, path: Path = ()) -> Any:
        if len(path) > MAX_DEPTH:
            raise Refusal("bad_value", path[:4], message="nested too deep")
        while isinstance(form, Later):
            form = form.form()
        return self._read(form, value, path)

    def _read(self, form: Form, value: Any, path: Path) -> Any:
        match form:
            case Anything():
                return self._typed(value, dict, "object", path) if form.mapping else value
            case Text():
                return self._text(form, value, path)
            case Number():
                return self._number(form, value, path)
            case Switch():
                return self._typed(value, bool, "boolean", path)
            case Base64():
                return self._bytes(form, value, path)
            case Many():
                return self._many(form, value, path)
            case Either():
                chosen = form.text if isinstance(value, str) else form.many
                return self.read(chosen, value, path)
            case Mapping():
                self._typed(value, dict, "object", path)
                return {name: self.read(form.of, v, (*path, name)) for name, v in value.items()}
            case Tagged():
                return self._tagged(form, value, path)
            case Table():
                return self._table(form, value, path)
        return self.read(form, value, path)

    def _typed(self, value: Any, kind: type, word: str, path: Path) -> Any:
        wrong = not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)
        if wrong:
            raise Refusal("bad_type", path, expected=self.words.get(word, word), value=value)
        return value

    def _text(self, form: Text, value: Any, path: Path) -> str:
        text: str = self._typed(value, str, "text", path)
        if form.choices and text not in form.choices:
            known = [f"'{choice}'" for choice in form.choices]
            listed = " or ".join(filter(None, (", ".join(known[:-1]), known[-1])))
            raise Refusal("bad_choice", path, value=text, choices=listed)
        if form.pattern and not re.fullmatch(form.pattern, text):
            raise Refusal("bad_pattern", path, value=text, pattern=f"^{form.pattern}$")
        if len(text) < form.least or (form.most and len(text) > form.most):
            bound = "at least" if len(text) < form.least else "at most"
            limit = form.least if len(text) < form.least else form.most
            raise Refusal("bad_length", path, sign=bound, limit=limit, unit="character")
        return text

    def _number(self, form: Number, value: Any, path: Path) -> Any:
        word = "number" if form.fraction else "integer"
        whole = isinstance(value, float) and value.is_integer() and not form.fraction
        if whole:
            value = int(value)
        self._typed(value, (int | float) if form.fraction else int, word, path)  # type: ignore[arg-type]
        if form.low is not None and value < form.low:
            facts = {"sign": "greater than or equal to", "limit": f"{form.low:g}"}
            raise Refusal("out_of_range", path, value=value, **facts)
        if form.high is not None and value > form.high:
            facts = {"sign": "less than or equal to", "limit": f"{form.high:g}"}
            raise Refusal("out_of_range", path, value=value, **facts)
        return value

    def _bytes(self, form: Base64, value: Any, path: Path) -> str:
        text: str = self._typed(value, str, "text", path)
        try:
            decode_base64(text, url=form.url)
        except (binascii.Error, ValueError) as error:
            raise Refusal("bad_base64", path, value=text[:40]) from error
        return text

    def _many(self, form: Many, value: Any, path: Path) -> list[Any]:
        if form.single and isinstance(value, dict):
            value = [value]
        items: list[Any] = self._typed(value, list, "array", path)
        if not form.least <= len(items) <= form.most:
            few = len(items) < form.least
            sign, limit = ("at least", form.least) if few else ("at most", form.most)
            raise Refusal("bad_length", path, sign=sign, limit=limit, unit="item")
        return [self.read(form.of, item, (*path, at)) for at, item in enumerate(items)]

    def _tagged(self, form: Tagged, value: Any, path: Path) -> Any:
        self._typed(value, dict, "object", path)
        tag = value.get(form.by)
        if tag is None:
            tag = form.default
        if not tag:
            raise Refusal("missing", (*path, form.by))
        table = form.tables.get(tag) if isinstance(tag, str) else None
        if table is None:
            if isinstance(tag, str) and tag.startswith(form.prefixes or "\0"):
                return value
            known = ", ".join(f"'{name}'" for name in form.tables)
            raise Refusal("bad_tag", path, value=tag, by=form.by, choices=known)
        return self.read(table, value, (*path, tag) if self.tags_in_paths else path)

    def _table(self, form: Table, value: Any, path: Path) -> dict[str, Any]:
        self._typed(value, dict, "object", path)
        made: dict[str, Any] = {}
        for name, inner in value.items():
            known = name if name in form.members else self.canonical(name)
            if known not in form.members:
                where = f" at '{bracketed(path)}'" if path else ""
                raise Refusal(
                    "unknown_member",
                    (*path, name),
                    name=name,
                    where=where,
                    container=bracketed(path) or None,
                )
            if inner is not None:
                made[known] = self.read(form.members[known], inner, (*path, self.shown(known)))
        for name in sorted(form.required - made.keys()):
            raise Refusal("missing", (*path, self.shown(name)))
        return made


def bracketed(path: Path) -> str:
    """`("contents", 1, "role")` as `contents[1].role`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def decode_base64(text: str, *, url: bool = False) -> bytes:
    """Raises `binascii.Error` or `ValueError` for what is no base64."""
    if url:
        text = text.translate(str.maketrans("-_", "+/"))
        text += "=" * (-len(text) % 4)
    return base64.b64decode(text, validate=True)
