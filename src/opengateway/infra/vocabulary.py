"""Tokenizers from the vocabularies that are shipped with the product; nothing is downloaded.

`tiktoken` is imported at the first use only: with the larger vocabulary it takes 80 MB, and 0.3 s of
a thread. Building it holds the interpreter for 0.14 s (o200k) or 0.04 s (cl100k), once in a
process, and only where a provider left usage out.
"""

from __future__ import annotations

import binascii
import gzip
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

Encode = Callable[[str], list[int]]


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """What makes an encoding. `sha256` is of the unpacked file, as tiktoken enforces it."""

    sha256: str
    pattern: str


_ENDINGS: Final = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_O200K: Final = "|".join(
    (
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+" + _ENDINGS,
        r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*" + _ENDINGS,
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    )
)
_CL100K: Final = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)

VOCABULARIES: Final = {
    "o200k_base": Vocabulary(
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d", _O200K
    ),
    "cl100k_base": Vocabulary(
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7", _CL100K
    ),
}


def bundled() -> Traversable:
    """The folder of the shipped vocabularies."""
    return files("opengateway").joinpath("assets", "vocabulary")


def load_ranks(name: str, folder: Traversable) -> dict[bytes, int]:
    """Tokens and their ranks. Raises `LookupError`, or `ValueError` for a file that was changed."""
    vocabulary = VOCABULARIES.get(name)
    if vocabulary is None:
        raise LookupError(f"no encoding {name!r}; there are {', '.join(sorted(VOCABULARIES))}")
    try:
        content = gzip.decompress(folder.joinpath(f"{name}.tiktoken.gz").read_bytes())
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(f"the vocabulary {name!r} cannot be read: {error}") from error
    found = hashlib.sha256(content).hexdigest()
    if found != vocabulary.sha256:
        raise ValueError(
            f"the vocabulary {name!r} was changed: sha256 {found}, expected {vocabulary.sha256};"
            " install the package anew"
        )
    lines = (line.split(b" ") for line in content.splitlines())
    return {binascii.a2b_base64(token): int(rank) for token, rank in lines}


def load_encoder(name: str, folder: Traversable) -> Encode:
    """Text to token ids; what looks like a special token is text. Raises as `load_ranks` does."""
    ranks = load_ranks(name, folder)
    import tiktoken

    return tiktoken.Encoding(
        name, pat_str=VOCABULARIES[name].pattern, mergeable_ranks=ranks, special_tokens={}
    ).encode_ordinary
