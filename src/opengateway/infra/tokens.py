"""Exact token counts, in one thread beside the loop. See `ports.tokens.TokenCounter`.

tiktoken lets go of the interpreter while it works. A hostile text can still be slow (a megabyte of
one letter: 0.4 s) or overflow the tokenizer's stack (a megabyte of spaces), so texts are taken in
slices, and the thread gives up between two of them once nobody waits any more.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.resources.abc import Traversable
from typing import Final

from opengateway.infra.vocabulary import Encode, bundled, load_encoder
from opengateway.ports.tokens import Texts

_SLICE: Final = 64 * 1024
"""Characters. At a space, a slice ends where a token would; elsewhere it may cost one token."""


@dataclass(frozen=True, slots=True)
class CountLimits:
    text_bytes: int = 1024 * 1024
    wait_s: float = 0.25
    """From asking to the answer, the queue and the first load included."""
    queue: int = 16
    """Counts that are asked for and not yet answered or given up."""


class TiktokenCounter:
    """`on_fault` is told, in the thread, of a vocabulary that cannot be used: once for each."""

    def __init__(
        self,
        on_fault: Callable[[Exception], None] | None = None,
        limits: CountLimits | None = None,
        folder: Traversable | None = None,
    ) -> None:
        self._on_fault = on_fault
        self._limits = limits or CountLimits()
        self._folder = folder or bundled()
        self._broken: dict[str, Exception] = {}
        self._encoders: dict[str, Encode] = {}
        self._loading = threading.Lock()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="tokens")
        self._waiting = 0

    def count(self, texts: Sequence[str], encoding: str) -> int:
        return self._count(texts, self._encoder(encoding), threading.Event())

    async def count_exact(self, read: Callable[[], Texts], encoding: str) -> tuple[int, ...] | None:
        if self._waiting >= self._limits.queue:
            return None
        given_up = threading.Event()
        self._waiting += 1
        work = self._thread.submit(self._count_groups, read, encoding, given_up)
        try:
            async with asyncio.timeout(self._limits.wait_s):
                return await asyncio.wrap_future(work)
        except TimeoutError:
            return None
        finally:
            self._waiting -= 1
            given_up.set()

    def _count_groups(
        self, read: Callable[[], Texts], encoding: str, given_up: threading.Event
    ) -> tuple[int, ...] | None:
        if given_up.is_set():
            return None
        # The thread's edge: whatever fails, the caller has a ratio, and the request goes on.
        try:
            encode = self._encoder(encoding)
            if given_up.is_set():
                return None
            groups = read()
            size = sum(len(text.encode("utf-8", "replace")) for group in groups for text in group)
            if size > self._limits.text_bytes:
                return None
            return tuple(self._count(group, encode, given_up) for group in groups)
        except Exception:  # noqa: BLE001
            return None

    def _encoder(self, name: str) -> Encode:
        with self._loading:
            found = self._encoders.get(name)
            if found is not None:
                return found
            if name in self._broken:
                raise self._broken[name]
            try:
                found = self._encoders[name] = load_encoder(name, self._folder)
            except (LookupError, ValueError, ImportError) as error:
                self._broken[name] = error
                if self._on_fault is not None:
                    self._on_fault(error)
                raise
            return found

    def _count(self, texts: Sequence[str], encode: Encode, given_up: threading.Event) -> int:
        total = 0
        for text in texts:
            for part in _slices(text):
                if given_up.is_set():
                    raise TimeoutError("nobody waits for this count any more")
                total += len(tokens_of(encode, part))
        return total

    def close(self) -> None:
        """Let the thread end; what is queued is given up."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def tokens_of(encode: Encode, text: str) -> list[int]:
    """Raises `ValueError` where the tokenizer fails, which it does with a `BaseException`."""
    try:
        return encode(text)
    except Exception:
        raise
    except BaseException as panic:
        if type(panic).__name__ != "PanicException":
            raise
        raise ValueError(f"the tokenizer cannot take this text apart: {panic}") from None


def _slices(text: str) -> Iterator[str]:
    start = 0
    while len(text) - start > _SLICE:
        space = text.rfind(" ", start + _SLICE // 2, start + _SLICE)
        end = space if space > 0 else start + _SLICE
        yield text[start:end]
        start = end
    yield text[start:] if start else text
