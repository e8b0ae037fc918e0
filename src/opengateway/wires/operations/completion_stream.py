"""One stream of legacy completions: chunks in, whole frames out (`ports.provider.ChatStream`).

A choice's end is held until the stream's own end is there: a stream that is cut never looks whole.
"""

from __future__ import annotations

from typing import Final

from opengateway.domain.catalog import Provider
from opengateway.domain.chat import Meter
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.kit.json import JsonObject, dumps, loads
from opengateway.kit.sse import Decoder, FrameTooLarge, ServerEvent
from opengateway.wires.openai_chat.error import error_in_answer, malformed, truncated
from opengateway.wires.openai_chat.signals import finish_of
from opengateway.wires.openai_chat.usage import usage_of
from opengateway.wires.operations.whole import made_id

EVENT_LIMIT_BYTES: Final = 16 * 1024 * 1024
MAX_CHOICES: Final = 4096
_END: Final = b"[DONE]"
_SHOWN_FINISHES: Final = frozenset(("stop", "length", "content_filter"))


class CompletionStream:
    """New per attempt."""

    __slots__ = (
        "_decoder",
        "_endings",
        "_include_usage",
        "_model_id",
        "_name",
        "_provider",
        "_seen",
        "_usage",
        "done",
        "error",
        "meter",
    )

    def __init__(self, provider: Provider, model_id: str, *, include_usage: bool) -> None:
        self.meter = Meter()
        self.done = False
        self.error: UpstreamError | None = None
        self._provider = provider
        self._model_id = model_id
        self._include_usage = include_usage
        self._decoder = Decoder(EVENT_LIMIT_BYTES)
        self._name: JsonObject = {}
        """What every chunk begins with."""
        self._endings: dict[int, JsonObject] = {}
        self._seen: set[int] = set()
        self._usage: JsonObject | None = None

    def feed(self, chunk: bytes) -> bytes:
        if self._is_over():
            return b""
        out: list[bytes] = []
        try:
            for event in self._decoder.feed(chunk):
                if not self._is_over():
                    self._take(event, out)
        except FrameTooLarge as error:
            self.error = malformed(self._provider, f"sent {error}")
        return b"".join(out)

    def end(self) -> bytes:
        if self._is_over():
            return b""
        out: list[bytes] = []
        for event in self._decoder.end():
            if not self._is_over():
                self._take(event, out)
        if not self._is_over():
            self.error = truncated(self._provider)
        return b"".join(out)

    def _is_over(self) -> bool:
        return self.done or self.error is not None

    def _take(self, event: ServerEvent, out: list[bytes]) -> None:
        if event.data.strip() == _END:
            self._finish(out)
            return
        try:
            chunk = loads(event.data)
        except (ValueError, RecursionError):
            if event.data.strip():
                self.error = malformed(self._provider, "sent an event that is not JSON")
            return
        if not isinstance(chunk, dict):
            self.error = malformed(self._provider, "sent an event that is not an object")
        elif chunk.get("error"):
            self.error = error_in_answer(chunk, self._provider, "within its answer")
        else:
            self._take_chunk(chunk, event.data, out)

    def _take_chunk(self, chunk: JsonObject, data: bytes, out: list[bytes]) -> None:
        if isinstance(reported := chunk.get("usage"), dict):
            self._usage = reported
            self.meter.usage = usage_of(reported, self._provider.profile)
        choices = chunk.get("choices")
        if choices is None and "usage" in chunk:
            return
        if not isinstance(choices, list) or not all(isinstance(c, dict) for c in choices):
            self.error = malformed(self._provider, "sent a chunk without choices")
            return
        if not self._name:
            self._begin(chunk, data)
        shown = [made for choice in choices if (made := self._choice(choice)) is not None]
        if shown and self.error is None:
            out.append(self._frame(shown))

    def _begin(self, chunk: JsonObject, data: bytes) -> None:
        identifier, created = chunk.get("id"), chunk.get("created")
        self.meter.upstream_id = identifier if isinstance(identifier, str) and identifier else None
        self._name = {
            "id": self.meter.upstream_id or made_id("cmpl-", data),
            "object": "text_completion",
            "created": created if type(created) is int else 0,
            "model": self._model_id,
        }

    def _choice(self, choice: JsonObject) -> JsonObject | None:
        """What leaves of a choice now; its end waits."""
        index = choice.get("index")
        at = index if type(index) is int else 0
        if at not in self._seen:
            if len(self._seen) >= MAX_CHOICES:
                self.error = malformed(self._provider, f"made more than {MAX_CHOICES} choices")
                return None
            self._seen.add(at)
        native = choice.get("finish_reason")
        if isinstance(native, str) and native:
            self._end_choice(at, native)
        text = choice.get("text")
        text = text if isinstance(text, str) else ""
        logprobs = choice.get("logprobs")
        if not text and not logprobs:
            return None
        self.meter.hand_on(text)
        return {"text": text, "index": at, "logprobs": logprobs, "finish_reason": None}

    def _end_choice(self, at: int, native: str) -> None:
        reason = finish_of(native, False, self._provider.profile)
        if isinstance(reason, ErrorClass):
            what = (
                f"the provider {self._provider.id} gave up with the finish reason {native[:60]!r}"
            )
            self.error = UpstreamError(reason, what, upstream_code=native[:200])
            return
        finish = reason if reason in _SHOWN_FINISHES else "stop"
        self._endings[at] = {"text": "", "index": at, "logprobs": None, "finish_reason": finish}
        if at == 0 or self.meter.finish_reason is None:
            self.meter.finish_reason, self.meter.native_finish_reason = finish, native

    def _finish(self, out: list[bytes]) -> None:
        if not self._seen:
            self.error = malformed(self._provider, "ended its stream without an answer")
            return
        missing = self._seen - self._endings.keys()
        if missing and self._provider.profile.finish_required:
            self.error = truncated(self._provider)
            return
        for at in missing:  # the marker says itself that the answer is whole
            self._end_choice(at, "stop")
        out.extend(self._frame([self._endings[at]]) for at in sorted(self._endings))
        if self._include_usage and self._usage is not None:
            out.append(self._frame([], self._usage))
        self.done = True

    def _frame(self, choices: list[JsonObject], usage: JsonObject | None = None) -> bytes:
        chunk = {**self._name, "choices": choices}
        if self._include_usage:
            chunk["usage"] = usage
        return b"data: " + dumps(chunk) + b"\n\n"
