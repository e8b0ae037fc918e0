"""The translation lane: a wire and a dialect that differ, joined by the canonical form.

The one place that keeps the terminal invariant, for every wire and every dialect: an answer ends
with exactly one finish per choice and one end, or with one failure, and that is last. And the one
place that counts, so that what is billed does not depend on who parsed it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from opengateway.domain.canonical import CanonicalRequest
from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatReply, ChatRequest, Meter, UpstreamCall
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.events import (
    Aside,
    End,
    Event,
    Failure,
    Finish,
    ImageOut,
    Ping,
    ReasoningDelta,
    ReasoningSeal,
    RefusalDelta,
    Start,
    TextDelta,
    ToolArguments,
    ToolEnd,
    ToolStart,
    UsageReport,
)
from opengateway.gateway.fences import unfenced, unfencing
from opengateway.gateway.remembering import Memory
from opengateway.ports.translation import (
    CanonicalWire,
    ChatRenderer,
    StreamParser,
    StreamRenderer,
)

MAX_CALLS: Final = 4096
"""Tool calls of one answer; a vendor that opens more is broken."""
_SAID: Final = (TextDelta, ReasoningDelta, RefusalDelta)


class Guard:
    """Events in, the events that may be shown out. One per answer.

    Finishes are held until the end, calls are closed before it, and a call without arguments gets
    `{}`. What comes after the end is dropped; `ignored` counts it, and what makes no sense.
    """

    __slots__ = (
        "_calls",
        "_choices",
        "_finishes",
        "_has_started",
        "_memory",
        "_name",
        "done",
        "error",
        "ignored",
        "meter",
    )

    def __init__(self, provider_id: str) -> None:
        self.meter = Meter()
        self.done = False
        self.error: UpstreamError | None = None
        self.ignored = 0
        self._name = provider_id
        self._memory = Memory()
        self._has_started = False
        self._choices: set[int] = set()
        """The choices that said something."""
        self._calls: dict[tuple[int, int], bool | None] = {}
        """By choice and slot: whether it has arguments; None once it is closed."""
        self._finishes: dict[int, Finish] = {}

    def take(self, events: Sequence[Event]) -> list[Event]:
        kept: list[Event] = []
        hand_on = self.meter.hand_on
        for event in events:
            if self.done or self.error is not None:
                self.ignored += 1
                continue
            if not self._has_started:
                self._start(event, kept)
            elif isinstance(event, _SAID):
                if event.text:
                    self._choices.add(event.choice)
                    hand_on(event.text)
                    if type(event) is ReasoningDelta:
                        self._memory.said(event)
                    kept.append(event)
            elif isinstance(event, ToolArguments):
                self._take_arguments(event, kept)
            else:
                self._take_other(event, kept)
        return kept

    def close(self) -> None:
        """Nothing comes any more."""
        if not self.done and self.error is None:
            self._fail(ErrorClass.TRUNCATED, "ended its stream before the answer did")

    def _start(self, event: Event, kept: list[Event]) -> None:
        """The first event. Whatever it is, what is shown begins with a `Start`."""
        self._has_started = not isinstance(event, Failure)
        if isinstance(event, Start):
            self.meter.upstream_id = event.id or None
            self.meter.input_usage = event.usage
            kept.append(event)
        elif isinstance(event, Failure):
            self.error = event.error
        else:
            kept.append(Start())
            kept += self.take((event,))

    def _take_arguments(self, event: ToolArguments, kept: list[Event]) -> None:
        call = (event.choice, event.slot)
        if self._calls.get(call) is None:  # never begun, or closed
            self.ignored += 1
        elif event.text:
            self._calls[call] = True
            self.meter.hand_on(event.text)
            kept.append(event)

    def _take_other(self, event: Event, kept: list[Event]) -> None:
        meter, choices = self.meter, self._choices
        match event:
            case ToolStart():
                choices.add(event.choice)
                self._open_call(event, kept)
                return
            case ToolEnd():
                self._close_call((event.choice, event.slot), kept)
                return
            case Finish():
                choices.add(event.choice)
                self._finishes[event.choice] = event
                if event.choice == 0 or meter.native_finish_reason is None:
                    meter.native_finish_reason = event.native or None
                return
            case Start():
                self.ignored += 1
                return
            case UsageReport():
                meter.usage = event.usage
            case End():
                self._end(kept)
                return
            case Failure():
                self.error = event.error
                return
            case Ping():
                return
            case ImageOut() | ReasoningSeal() | Aside():
                self._take_content(event)
            case _:  # an annotation, a vendor's own item
                choices.add(event.choice)
        kept.append(event)

    def _take_content(self, event: ImageOut | ReasoningSeal | Aside) -> None:
        self._choices.add(event.choice)
        if isinstance(event, Aside):
            self.meter.has_content = self.meter.has_content or event.has_content
            return
        self.meter.has_content = True
        if isinstance(event, ReasoningSeal):
            self._memory.sealed(event)

    def _open_call(self, event: ToolStart, kept: list[Event]) -> None:
        call = (event.choice, event.slot)
        if call in self._calls:
            self.ignored += 1
            return
        if len(self._calls) >= MAX_CALLS:
            self._fail(ErrorClass.MALFORMED, f"made more than {MAX_CALLS} tool calls")
            return
        self._calls[call] = event.kind == "custom"
        self._memory.called(event)
        self.meter.has_content = True
        kept.append(event)

    def _close_call(self, call: tuple[int, int], kept: list[Event]) -> None:
        has_arguments = self._calls.get(call)
        if has_arguments is None:
            self.ignored += 1
            return
        choice, slot = call
        if not has_arguments:
            self.meter.hand_on("{}")
            kept.append(ToolArguments(slot, "{}", choice))
        self._calls[call] = None
        kept.append(ToolEnd(slot, choice))

    def _end(self, kept: list[Event]) -> None:
        if not self._choices:
            self._fail(ErrorClass.MALFORMED, "ended its stream without an answer")
            return
        if len(self._finishes) < len(self._choices):
            self._fail(ErrorClass.TRUNCATED, "ended its stream without a finish reason")
            return
        for call in self._calls:
            if self._calls[call] is not None:
                self._close_call(call, kept)
        callers = {choice for choice, _ in self._calls}
        for choice in sorted(self._finishes):
            finish = self._finishes[choice]
            if finish.message:
                self.meter.hand_on(finish.message)
                kept.append(RefusalDelta(finish.message, choice))
            if choice in callers and finish.reason in ("stop", "function_call"):
                finish = msgspec.structs.replace(finish, reason="tool_calls")
            kept.append(finish)
            self.meter.finish_reason = self.meter.finish_reason or finish.reason  # the first's
        kept.append(End())
        self.meter.keepsake = self._memory.keepsake
        self.done = True

    def _fail(self, error_class: ErrorClass, what: str) -> None:
        self.error = UpstreamError(error_class, f"the provider {self._name} {what}")


class TranslatedStream:
    """One stream. See `ports.provider.ChatStream`."""

    __slots__ = ("_guard", "_parser", "_render", "meter")

    def __init__(self, parser: StreamParser, renderer: StreamRenderer, provider_id: str) -> None:
        self._parser = parser
        self._render = renderer.render
        self._guard = Guard(provider_id)
        self.meter = self._guard.meter

    @property
    def done(self) -> bool:
        return self._guard.done

    @done.setter
    def done(self, done: bool) -> None:
        self._guard.done = done

    @property
    def error(self) -> UpstreamError | None:
        return self._guard.error

    @error.setter
    def error(self, error: UpstreamError | None) -> None:
        self._guard.error = error

    @property
    def ignored(self) -> int:
        """Events that came after the end, or made no sense."""
        return self._guard.ignored

    def feed(self, chunk: bytes) -> bytes:
        guard = self._guard
        if guard.done or guard.error is not None:
            return b""
        render = self._render
        return b"".join([render(event) for event in guard.take(self._parser.feed(chunk))])

    def end(self) -> bytes:
        guard = self._guard
        if guard.done or guard.error is not None:
            return b""
        render = self._render
        frames = b"".join([render(event) for event in guard.take(self._parser.end())])
        guard.close()
        return frames


class TranslatedWire:
    """A canonical wire and a dialect's renderer as a `ports.provider.ChatWire`. Holds no state."""

    __slots__ = ("_renderer", "_wire")

    def __init__(self, wire: CanonicalWire, renderer: ChatRenderer) -> None:
        self._wire = wire
        self._renderer = renderer

    def request(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
    ) -> UpstreamCall:
        canonical: CanonicalRequest = self._renderer.canonical(chat, team_id)
        return self._wire.request(canonical, endpoint, provider)

    def reply(
        self, body: bytes, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatReply:
        guard = Guard(provider.id)
        kept = guard.take(unfenced(chat, self._wire.reply(body, endpoint, provider)))
        guard.close()
        if guard.error is not None:
            raise guard.error
        return ChatReply(self._renderer.whole(kept, guard.meter, model_id), guard.meter)

    def stream(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> TranslatedStream:
        return TranslatedStream(
            unfencing(chat, self._wire.parser(endpoint, provider)),
            self._renderer.stream(chat, model_id),
            provider.id,
        )

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, provider: Provider
    ) -> UpstreamError:
        return self._wire.error(status, headers, body, provider)
