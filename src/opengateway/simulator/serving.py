"""Answers one request of any wire: a fault, or what the wire prepares; and writes it down."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from opengateway.kit import json
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId
from opengateway.simulator.cases import Case, CaseBook, split_frames
from opengateway.simulator.faults import NO_FAULT, Fault, RuleBook, Target, directive_fault
from opengateway.simulator.ledger import Ending, Ledger, Record
from opengateway.simulator.link import CallerGone, Reply
from opengateway.simulator.metering import Meter
from opengateway.simulator.personas import ErrorReply, Persona, Refusal, render_refusal
from opengateway.simulator.playing import Ended, Player, WireFaults
from opengateway.simulator.rendering import Frame, FrameKind
from opengateway.simulator.settings import SimulatorSettings

HeaderList = list[tuple[bytes, bytes]]


@dataclass(frozen=True, slots=True)
class Incoming:
    """One request as it came. `provider` is the name in `/as/<provider>`, None elsewhere.

    `model` and `stream` are given where the address says them, and None where the body does.
    `action` tells a wire's operations apart; empty on a wire with one.
    """

    persona: Persona
    provider: str | None
    path: str
    key: str
    body: bytes
    headers: dict[bytes, bytes]
    action: str = ""
    model: str | None = None
    stream: bool | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """A reply before it is played: either a whole body or frames."""

    status: int
    headers: HeaderList
    meter: Meter | None
    body: bytes = b""
    frames: Iterable[Frame] | None = None
    gap_s: float = 0.0
    case: str = ""


class Wire(Protocol):
    """A provider's wire: what it says to a request, and how its replies go wrong."""

    @property
    def faults(self) -> WireFaults: ...

    def user_text(self, body: dict[str, Any]) -> str:
        """The text that a directive may stand in; empty for a body of another shape."""

    def prepare(self, incoming: Incoming, body: Any, record: Record, fault: Fault) -> Prepared:
        """The reply. Raises `Refusal`."""


class Service:
    """Holds the rules and the ledger, which all wires share."""

    def __init__(
        self, settings: SimulatorSettings, ledger: Ledger, clock: Clock, new_id: NewId
    ) -> None:
        self.rules = RuleBook([], settings.seed)
        self._settings = settings
        self._ledger = ledger
        self._clock = clock
        self.new_id = new_id

    def now_s(self) -> int:
        """Unix time."""
        return self._clock.now_ns() // 1_000_000_000

    def reset(self) -> None:
        """Forget the rules and the ledger's past."""
        self.rules = RuleBook([], self._settings.seed)
        self._ledger.reset()

    async def answer(self, wire: Wire, incoming: Incoming, reply: Reply) -> None:
        """Answer to the end. Raises `Refusal` only before a record of the request exists."""
        body = _decoded(incoming.body)
        asked = body if isinstance(body, dict) else {}
        record = self._record(incoming, asked)
        ending: Ending = "bug"
        meter: Meter | None = None
        try:
            if self._ledger.active_streams > self._settings.max_streams:
                raise Refusal("overloaded", (), model=record.model)
            fault = self._fault(wire, incoming, asked, record)
            record.fault = _shown(fault)
            player = Player(reply, self._ledger, record, fault, incoming.persona, wire.faults)
            if fault.replaces_answer:
                ending = "error"
                await player.instead()
                return
            made = wire.prepare(incoming, body, record, fault)
            meter, record.case = made.meter, made.case
            if made.frames is None:
                await player.unary(made.status, made.headers, made.body)
            else:
                await player.stream(made.status, made.headers, made.frames, made.gap_s)
            ending = "finished" if made.status < 400 else "error"
        except Refusal as refusal:
            ending = "refused"
            await self._refuse(refusal, incoming, record, reply)
        except CallerGone:
            ending = "client_gone"
            raise
        except Ended:
            ending = "cut"
        except asyncio.CancelledError:
            ending = "cut"
            raise
        finally:
            record.bytes = reply.bytes_sent
            self._ledger.finish(record, ending, meter)

    def _record(self, incoming: Incoming, asked: dict[str, Any]) -> Record:
        model = asked.get("model") if incoming.model is None else incoming.model
        stream = asked.get("stream") is True if incoming.stream is None else incoming.stream
        request_id = incoming.headers.get(b"x-request-id", b"")[:128]
        return self._ledger.begin(
            Record(
                number=0,
                id=self.new_id(incoming.persona.id_prefix),
                path=incoming.path,
                persona=incoming.provider or incoming.persona.name,
                model=model[:256] if isinstance(model, str) else "",
                stream=stream,
                key=incoming.key[-4:],
                client_request_id=request_id.decode("latin-1"),
                started_s=self._clock.monotonic(),
            )
        )

    async def _refuse(
        self, refusal: Refusal, incoming: Incoming, record: Record, reply: Reply
    ) -> None:
        made: ErrorReply = render_refusal(incoming.persona, refusal, reply_id=record.id)
        await reply.start(made.status, made.headers, length=len(made.body))
        self._ledger.first_byte(record, made.status)
        await reply.write(made.body, last=True)

    def _fault(
        self, wire: Wire, incoming: Incoming, asked: dict[str, Any], record: Record
    ) -> Fault:
        """A directive in the message goes before the rules."""
        if b"[[simulate" in incoming.body:
            try:
                wanted = directive_fault(wire.user_text(asked))
            except ValueError as error:
                raise Refusal("bad_value", ("messages",), message=str(error)) from error
            if wanted is not None:
                return wanted
        if not self.rules.rules:
            return NO_FAULT
        target = Target(
            model=record.model,
            persona=record.persona,
            path=incoming.path,
            key=incoming.key,
            stream=record.stream,
        )
        return self.rules.choose(target) or NO_FAULT


def from_case(case: Case, gap_s: float, classify: Callable[[bytes], FrameKind]) -> Prepared:
    """The recording as a reply."""
    headers = list(case.headers)
    if case.stream and case.status < 400:
        frames = split_frames(case.body, classify)
        return Prepared(case.status, headers, None, b"", frames, gap_s, case.case_id)
    return Prepared(case.status, headers, None, case.body, case=case.case_id)


def no_case(book: CaseBook, asked: Any) -> Refusal:
    """What a simulator says that may not generate."""
    return Refusal(
        "bad_value",
        ("messages",),
        message="no recorded case matches this request "
        f"({book.near_misses(asked)} of {book.size} have the same messages)",
    )


def reply_headers(persona: Persona, new_id: NewId, *, stream: bool) -> HeaderList:
    """What this vendor sends with every good reply."""
    kind = persona.stream_type if stream else "application/json"
    headers = [(b"content-type", kind.encode())]
    headers += [(k.encode(), v.encode()) for k, v in persona.headers.items()]
    if persona.request_id_header:
        headers.append((persona.request_id_header.encode(), new_id("req_").encode()))
    return headers


def _decoded(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except (json.DecodeError, RecursionError) as error:
        raise Refusal("bad_json") from error


def _shown(fault: Fault) -> dict[str, Any]:
    if fault is NO_FAULT:
        return {}
    return {
        name: value
        for name in fault.__struct_fields__
        if (value := getattr(fault, name)) != getattr(NO_FAULT, name)
    }
