"""Reading a vendor's stream, for both lanes: events cut, usage and errors found, endings held.

What becomes of a chunk is the lane's: `stream` hands on bytes, `canonical_stream` makes events. The
hot path is the lane's too; what it does not take comes here, is decoded and mended by `choice`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final, Generic, TypeVar

from msgspec import UNSET

from opengateway.domain.catalog import Profile, Provider
from opengateway.domain.chat import Meter
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.kit.json import JsonObject, Raw, RawObject, dumps, loads
from opengateway.kit.sse import Decoder, FrameTooLarge, ServerEvent
from opengateway.wires.openai_chat.choice import Choice, TooManyCalls, usable_choices
from opengateway.wires.openai_chat.error import error_in_answer, malformed, truncated
from opengateway.wires.openai_chat.error_body import error_in
from opengateway.wires.openai_chat.parts import NULL
from opengateway.wires.openai_chat.signals import signals
from opengateway.wires.openai_chat.tap import TappedChoice
from opengateway.wires.openai_chat.usage import usage_of
from opengateway.wires.openai_chat.whole import Document, begins_document, chunks_of

EVENT_LIMIT_BYTES: Final = 16 * 1024 * 1024
MAX_CHOICES: Final = 256
_END: Final = b"[DONE]"
_UNNAMED: Final = frozenset(("id", "object", "created", "model", "choices", "usage"))

Out = TypeVar("Out")


class ChunkReader(ABC, Generic[Out]):
    """One stream. `Out` is what a lane makes of it: bytes, or events."""

    __slots__ = (
        "_choices",
        "_decoder",
        "_document",
        "_endings",
        "_named",
        "_pending",
        "_profile",
        "_provider",
        "_usage",
        "_usage_chunk",
        "done",
        "error",
        "meter",
    )

    def __init__(self, provider: Provider) -> None:
        self.meter = Meter()
        self.done = False
        self.error: UpstreamError | None = None
        self._provider = provider
        self._profile: Profile = provider.profile
        self._decoder = Decoder(EVENT_LIMIT_BYTES)
        self._document: Document | None = None
        """Where no stream comes but one whole answer."""
        self._named = False
        """A chunk that is part of the answer was seen."""
        self._pending: RawObject = {}
        """Members of chunks that were taken in before the first that leaves."""
        self._choices: dict[int, Choice] = {}
        self._endings: dict[int, RawObject] = {}
        self._usage: JsonObject | None = None
        self._usage_chunk: RawObject = {}

    # --- what a lane adds ------------------------------------------------------------------------
    @abstractmethod
    def _take(self, event: ServerEvent, out: list[Out]) -> None:
        """One event: the hot path, else `_take_slowly`. Raises `ValueError`, `RecursionError`."""

    @abstractmethod
    def _begin(self, chunk: RawObject, out: list[Out]) -> None:
        """The first chunk that is part of the answer: what it is called."""

    @abstractmethod
    def _emit(self, chunk: RawObject, choices: list[JsonObject], out: list[Out]) -> None:
        """What leaves of a chunk, mended."""

    def _hold_ending(self, choice: Choice, out: list[Out]) -> None:
        """A choice has a finish reason. Nothing of it may be shown yet."""

    @abstractmethod
    def _finish_choice(self, choice: Choice, held: RawObject, out: list[Out]) -> None:
        """The end of a choice, of which `held` was kept back."""

    @abstractmethod
    def _finish_usage(self, out: list[Out]) -> None:
        """After the last choice."""

    # --- reading ---------------------------------------------------------------------------------
    def _read(self, chunk: bytes) -> list[Out]:
        out: list[Out] = []
        if self._is_over():
            return out
        data = self._decoder.whole(chunk)
        if data is not None:
            self._take_safely(ServerEvent(data), out)
            return out
        if self._document is not None or (
            not self._named and not self._decoder.buffered and begins_document(chunk)
        ):
            self._take_document(chunk, out)
            return out
        try:
            for event in self._decoder.feed(chunk):
                self._take_safely(event, out)
                if self._is_over():
                    break
        except FrameTooLarge as error:
            self.error = malformed(self._provider, f"sent {error}")
        return out

    def _take_document(self, chunk: bytes, out: list[Out]) -> None:
        """A whole answer: told as the chunks that it would have been, once it is all there."""
        document = self._document = self._document or Document(EVENT_LIMIT_BYTES)
        try:
            body = document.add(chunk)
        except ValueError as error:
            self.error = malformed(self._provider, f"sent {error}")
            return
        if body is None:
            return
        try:
            events = chunks_of(body, self._provider)
        except UpstreamError as error:
            self.error = error
            return
        for data in events:
            self._take_safely(ServerEvent(data), out)
        if not self._is_over():
            self._finish(out)

    def _read_end(self) -> list[Out]:
        out: list[Out] = []
        if not self._is_over():
            for event in self._decoder.end():  # one at most
                self._take_safely(event, out)
        if not self._is_over():
            self.error = truncated(self._provider)
        return out

    def _is_over(self) -> bool:
        return self.done or self.error is not None

    def _take_safely(self, event: ServerEvent, out: list[Out]) -> None:
        data = event.data
        if data == _END:
            self._finish(out)
            return
        try:
            if not data.isascii():
                data.decode()  # what nobody decodes is checked for JSON's grammar only
            self._take(event, out)
        except (ValueError, RecursionError):
            if (text := data.strip()) == _END:
                self._finish(out)
            elif text:
                self.error = self._unreadable(event, text)

    def _take_slowly(self, event: ServerEvent, chunk: RawObject, out: list[Out]) -> None:
        choices = usable_choices(loads(chunk["choices"]) if "choices" in chunk else None)
        if choices is None:
            self.error = malformed(self._provider, "sent choices of another shape")
            return
        self._note_usage(chunk, choices)
        if self._fails(event, chunk, choices):
            return
        chunk.pop("error", None)
        if not choices:
            if chunk.get("usage", NULL) != NULL:
                self._usage_chunk = chunk
            elif "choices" in chunk and not self._named and not self._pending:
                # Azure's first chunk: what the filter said of the prompt, and no name (E9).
                self._pending = {k: v for k, v in chunk.items() if k not in _UNNAMED}
            return
        if not self._named:
            identifier = loads(chunk["id"]) if "id" in chunk else None
            if isinstance(identifier, str) and identifier:
                self.meter.upstream_id = identifier
            self._begin(chunk, out)
            self._named = True
        self._mend(chunk, choices, out)

    def _mend(self, chunk: RawObject, choices: list[JsonObject], out: list[Out]) -> None:
        leaving: list[JsonObject] = []
        endings: dict[int, JsonObject] = {}
        try:
            for position, choice in enumerate(choices):
                state = self._choice_at(choice, position)
                now, ending = state.map(choice)
                if now is not None:
                    leaving.append(now)
                if ending is not None:
                    endings[state.index] = ending
        except TooManyCalls as error:
            self.error = malformed(self._provider, f"sent {error}")
            return
        if leaving:
            self._emit({**self._pending, **chunk}, leaving, out)
            self._pending = {}
        for index, ending in endings.items():
            self._end_choice(index, chunk, ending, out)

    def _choice_at(self, choice: JsonObject, position: int) -> Choice:
        index = choice.get("index")
        if not isinstance(index, int) or isinstance(index, bool):
            index = position
        state = self._choices.get(index)
        if state is None:
            if len(self._choices) >= MAX_CHOICES:
                raise TooManyCalls(f"more than {MAX_CHOICES} choices")
            state = self._choices[index] = Choice(index, self._profile, self.meter)
        return state

    def _end_choice(self, index: int, chunk: RawObject, ending: JsonObject, out: list[Out]) -> None:
        failed = self._choices[index].finish
        if isinstance(failed, ErrorClass):
            self.error = UpstreamError(
                failed,
                f"the provider {self._provider.id} gave up with the finish reason "
                f"{ending.get('finish_reason')!r}",
                upstream_code=str(ending.get("finish_reason")),
            )
            return
        held = dict(chunk)
        held["choices"] = Raw(dumps(ending))
        self._endings[index] = held
        if index == 0 or self.meter.native_finish_reason is None:
            state = self._choices[index]
            self.meter.native_finish_reason = state.native_said or state.native
        self._hold_ending(self._choices[index], out)

    def _text_of(self, choice: TappedChoice) -> str:
        """What it hands on as it is; empty when it needs mending or is better left out."""
        state = self._choices.get(choice.index)
        if state is None or not state.is_plain:
            return ""
        delta = choice.delta
        text = delta.content or ""
        if thought := delta.reasoning_content or delta.reasoning:
            text = thought + text
        calls = delta.tool_calls
        if calls is UNSET:
            return text
        if len(calls) != 1 or text or delta.content is not UNSET or delta.role is not None:
            return ""
        arguments = calls[0].function.arguments
        return arguments if state.goes_on(calls[0].index, arguments) else ""

    # --- usage and errors ------------------------------------------------------------------------
    def _note_usage(self, chunk: RawObject, choices: list[JsonObject]) -> None:
        """The newest usage that names anything, wherever the vendor puts it."""
        told = [loads(chunk["usage"])] if "usage" in chunk else []
        if "x_groq" in chunk:
            groq = loads(chunk["x_groq"])
            told.append(groq.get("usage") if isinstance(groq, dict) else None)
        told.extend(choice.pop("usage") for choice in choices if "usage" in choice)  # Moonshot
        for reported in told:
            if isinstance(reported, dict):
                usage = usage_of(reported, self._profile)
                if usage is not None:
                    self.meter.usage, self._usage = usage, reported
                    return

    def _fails(self, event: ServerEvent, chunk: RawObject, choices: list[JsonObject]) -> bool:
        """Trouble told inside the stream (E11). Sets `error`; nothing leaves after it."""
        told = loads(chunk["error"]) if "error" in chunk else None
        if not told and "x_groq" in chunk:
            groq = loads(chunk["x_groq"])
            told = groq.get("error") if isinstance(groq, dict) else None
        if not told:
            told = next((c["error"] for c in choices if c.get("error")), None)  # OpenRouter
        if not told and event.event != "error":
            if "choices" in chunk or "usage" in chunk:
                return False
            told = {name: loads(raw) for name, raw in chunk.items()}
            if not any(told.get(n) for n in ("message", "detail", "code", "base_resp", "status")):
                return False
        document = {"error": told} if told else {n: loads(raw) for n, raw in chunk.items()}
        if self._is_restated(document):
            return False
        self.error = error_in_answer(document, self._provider, "within the stream")
        return True

    def _is_restated(self, document: JsonObject) -> bool:
        """Whether every choice has ended, and the error says no more than why."""
        if not self._choices or len(self._endings) < len(self._choices):
            return False
        said = error_in(document).message
        finishes = [choice.finish for choice in self._choices.values()]
        return all(
            not isinstance(finish, ErrorClass) and signals().restates(finish, said)
            for finish in finishes
        )

    def _unreadable(self, event: ServerEvent, text: bytes) -> UpstreamError:
        if event.event == "error":
            said = text[:2048].decode("utf-8", "replace")
            return error_in_answer(said, self._provider, "within the stream")
        return malformed(self._provider, "sent an event that is not a JSON object")

    # --- the end ---------------------------------------------------------------------------------
    def _finish(self, out: list[Out]) -> None:
        """The end marker: what was held leaves, in order, and the stream is whole."""
        if not self._choices or not self._named:
            self.error = malformed(self._provider, "ended its stream without an answer")
            return
        if self._profile.finish_required and len(self._endings) < len(self._choices):
            self.error = truncated(self._provider)
            return
        for index in sorted(self._choices):
            self._finish_choice(self._choices[index], self._endings.get(index, {}), out)
        self._finish_usage(out)
        self.done = True
