"""Counting tokens as a model's tokenizer does, for usage that a provider left out.

Never asked for while a request is admitted or relayed: holds and estimates are products of bytes
and a ratio (decision 13).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

Texts = Sequence[Sequence[str]]
"""Groups of texts; each group is counted by itself."""


class TokenCounter(Protocol):
    def count(self, texts: Sequence[str], encoding: str) -> int:
        """Tokens of `texts`, here and now. May take long, and blocks.

        Raises `LookupError` for an encoding that nobody knows, `ValueError` for a vocabulary that
        is not what it should be, or a text that its tokenizer cannot take apart.
        """
        ...

    async def count_exact(self, read: Callable[[], Texts], encoding: str) -> tuple[int, ...] | None:
        """A number for each group of what `read` gives, counted off the loop.

        `read` runs there too, and may be slow; it must touch nothing that changes meanwhile. None
        beyond any bound of size, count or time, and where counting failed: the caller then
        estimates by ratio.
        """
        ...
