"""Which model's text is how many tokens: families of tokenizers, as data (`token_families.toml`)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files

import msgspec

from opengateway.domain.errors import OperatorError


class MeasuredRatios(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Of one encoding, over the corpus that the file describes."""

    bytes_per_token: float
    """The median."""
    hold_tokens_per_byte: float
    """99.9 % of the chunks of the hardest class have no more."""
    hold_tokens_per_byte_beyond: float = 1.0
    """Nor have long chunks of what people write."""


class _Family(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    models: tuple[str, ...]
    """Globs on the model's id."""
    measured_with: str
    """The encoding whose ratios these models have, times `factor`."""
    exact: bool = False
    """Whether `measured_with` is their own encoding, so that counting with it is exact."""
    factor: float = 1.0
    """Tokens of theirs for each one of `measured_with`. Assumed, where theirs is not at hand."""
    image_tokens: int = 6000
    why: str = ""


class _Document(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    measured_on: str
    corpus: str
    ceiling: float
    encodings: dict[str, MeasuredRatios]
    families: dict[str, _Family]


@dataclass(frozen=True, slots=True)
class TokenFamily:
    """What an endpoint takes over. `encoding` is empty where no tokenizer is at hand."""

    name: str
    encoding: str
    bytes_per_token: float
    hold_tokens_per_byte: float
    hold_tokens_per_byte_beyond: float
    image_tokens: int


@dataclass(frozen=True, slots=True)
class TokenFamilies:
    """The families in order, each with its globs."""

    rows: tuple[tuple[tuple[str, ...], TokenFamily], ...]

    def of(self, model_id: str) -> TokenFamily:
        """The first family that fits; the last one fits all."""
        return next(
            family for globs, family in self.rows if any(fnmatchcase(model_id, g) for g in globs)
        )


def parse_families(text: str) -> TokenFamilies:
    """Raises `ValueError` for what is not a table of families."""
    document = msgspec.convert(tomllib.loads(text), _Document)
    rows: list[tuple[tuple[str, ...], TokenFamily]] = []
    for name, row in document.families.items():
        measured = document.encodings.get(row.measured_with)
        if measured is None:
            raise ValueError(f"the family {name!r} names no encoding of the file")
        hold = min(document.ceiling, measured.hold_tokens_per_byte * row.factor)
        beyond = min(document.ceiling, measured.hold_tokens_per_byte_beyond * row.factor)
        family = TokenFamily(
            name=name,
            encoding=row.measured_with if row.exact else "",
            bytes_per_token=round(measured.bytes_per_token / row.factor, 2),
            hold_tokens_per_byte=round(hold, 3),
            hold_tokens_per_byte_beyond=round(beyond, 3),
            image_tokens=row.image_tokens,
        )
        rows.append((row.models, family))
    if not rows or "*" not in rows[-1][0]:
        raise ValueError("the last family must have the glob '*'")
    return TokenFamilies(tuple(rows))


@cache
def token_families() -> TokenFamilies:
    """The package's table, read once. Raises `OperatorError` for a broken file."""
    try:
        return parse_families(files(__package__).joinpath("token_families.toml").read_text("utf-8"))
    except ValueError as error:
        raise OperatorError(f"the bundled token_families.toml is broken: {error}") from error
