"""Plays a reply to the caller, with the faults that were asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NoReturn, Protocol

from opengateway.kit import json
from opengateway.simulator.faults import NO_FAULT, Fault
from opengateway.simulator.ledger import Ledger, Record
from opengateway.simulator.link import Reply
from opengateway.simulator.personas import Persona, Refusal, error_for_status, render_error
from opengateway.simulator.rendering import Frame
from opengateway.simulator.settings import MAX_WAIT_S

HeaderList = list[tuple[bytes, bytes]]

_ENDINGS = {"crlf": b"\r\n", "cr": b"\r"}


class Ended(Exception):
    """A fault ended the connection before the reply was whole."""


class WireFaults(Protocol):
    """The faults whose form depends on the wire."""

    @property
    def malformed(self) -> bytes:
        """A frame whose JSON breaks off."""

    def in_band_error(
        self, persona: Persona, body: dict[str, Any], reply_id: str
    ) -> Iterable[Frame]:
        """The frames that end a stream with the vendor's error `body`."""

    def alter(self, answer: Any, fault: Fault) -> None:
        """Change a whole answer in place. Raises `KeyError` or `TypeError` if it is no answer."""

    def without_usage(self, frame: Frame) -> Frame | None:
        """The frame without its usage; None if it had nothing else."""

    def emptied(self, frame: Frame) -> Frame | None:
        """The frame without content; None if it had nothing else."""

    def huge(self, frame: Frame, size: int, *, alone: bool) -> Iterable[Frame]:
        """What stands for the first frame of content: a huge one, and the frame unless `alone`."""

    def repeats_usage(self, frame: Frame) -> Frame | None:
        """The frame that says this frame's usage again; None if it has none."""


class Player:
    """Plays one reply. Raises `CallerGone` when the caller leaves, `Ended` when a fault cuts."""

    def __init__(
        self,
        reply: Reply,
        ledger: Ledger,
        record: Record,
        fault: Fault,
        persona: Persona,
        wire: WireFaults,
    ) -> None:
        self._reply = reply
        self._ledger = ledger
        self._record = record
        self._fault = fault
        self._persona = persona
        self._wire = wire

    async def instead(self) -> None:
        """The reply that the fault puts in place of an answer."""
        fault = self._fault
        if fault.drop:
            await self._pause(fault.latency_s)
            await self._cut()
        if fault.redirect is not None:
            headers: HeaderList = [(b"location", fault.redirect.encode("latin-1", "replace"))]
            await self.unary(fault.status or 307, headers, b"")
        elif fault.null_200:
            await self.unary(200, [(b"content-type", b"application/json")], b"null")
        else:
            await self._error()

    async def _error(self) -> None:
        fault, persona = self._fault, self._persona
        if fault.error is not None:
            rule = persona.errors.get(fault.error, persona.errors["other"])
        else:
            rule = error_for_status(persona, fault.status or 500)
        facts: dict[str, Any] = {
            "model": self._record.model,
            "id": self._record.id,
            "key": "sk-***",
        }
        facts |= {
            "limit": 131_072,
            "tokens": 140_000,
            "completion": 1000,
            "path": self._record.path,
        }
        if fault.status is not None:
            facts["status"] = fault.status
        if fault.retry_after is not None:
            hint = fault.retry_after
            facts["retry_after"] = hint if isinstance(hint, str) else f"{hint:g}"
        made = render_error(persona, rule, (), facts)
        headers = list(made.headers)
        if fault.retry_after is not None:
            hint = fault.retry_after
            text = hint if isinstance(hint, str) else f"{hint:g}"
            headers.append((b"retry-after", text.encode("latin-1", "replace")))
        if fault.retry_after_ms is not None:
            headers.append((b"retry-after-ms", b"%d" % fault.retry_after_ms))
        body = made.body if fault.body is None else fault.body.encode()
        await self.unary(200 if fault.error_200 else made.status, headers, body)

    async def unary(self, status: int, headers: HeaderList, body: bytes) -> None:
        """A whole body with its length."""
        fault = self._fault
        if fault is not NO_FAULT:
            body = self._altered(body)
            headers = self._headers(headers)
            await self._pause(fault.latency_s)
        if fault.wrong_content_length is not None:
            await self._wrong_length(status, headers, body, fault.wrong_content_length)
        await self._reply.start(status, headers, length=len(body))
        self._ledger.first_byte(self._record, status)
        await self._pause(fault.first_token_s)
        if fault.cut_after_events is not None:
            await self._cut()
        if fault.cut_after_bytes is None and fault.split_bytes is None:
            await self._reply.write(body, last=True)
            return
        await self._write(body)
        await self._reply.write(b"", last=True)

    async def stream(
        self, status: int, headers: HeaderList, frames: Iterable[Frame], gap_s: float
    ) -> None:
        """Events one by one, `gap_s` apart unless the fault says otherwise."""
        fault, record = self._fault, self._record
        gap = gap_s if fault.gap_s is None else fault.gap_s
        if fault is not NO_FAULT:
            frames = self._shaped(frames)
            headers = self._headers(headers)
            await self._pause(fault.latency_s)
        await self._reply.start(status, headers)
        self._ledger.first_byte(record, status)
        await self._before_first_event()
        for frame in frames:
            is_event = frame.kind != "comment"
            if is_event:
                await self._at(record.events)
                if gap and record.events:
                    await self._reply.pause(gap)
            await self._write(frame.data)
            record.events += is_event
            record.content_bytes += frame.content_bytes
        await self._at(record.events)
        if fault.never_close:
            await self._pause(fault.stall_s or MAX_WAIT_S)
        await self._reply.write(b"", last=True)

    async def _before_first_event(self) -> None:
        fault = self._fault
        if fault.bom:
            await self._write(b"\xef\xbb\xbf", plain=True)
        for _ in range(fault.keepalives):
            await self._write(self._comment())
        await self._wait(fault.first_token_s)

    async def _at(self, events: int) -> None:
        """What shall happen once so many events are out."""
        fault = self._fault
        if fault.stall_after_events == events:
            await self._wait(MAX_WAIT_S if fault.stall_s is None else fault.stall_s)
        if fault.cut_after_events == events:
            await self._cut()

    async def _wait(self, seconds: float) -> None:
        """Silence, or comment lines while it lasts."""
        every = self._fault.keepalive_s
        while every is not None and seconds > every:
            await self._pause(every)
            await self._write(self._comment())
            seconds -= every
        await self._pause(seconds)

    async def _pause(self, seconds: float) -> None:
        if seconds > 0:
            await self._reply.pause(seconds)

    def _comment(self) -> bytes:
        line = self._persona.keepalive.encode()
        return line + b"\n\n" if line else b""  # a binary wire has no comments

    async def _write(self, data: bytes, *, plain: bool = False) -> None:
        fault, reply = self._fault, self._reply
        if fault.line_ending != "lf" and not plain:
            data = data.replace(b"\r\n", b"\n").replace(b"\n", _ENDINGS[fault.line_ending])
        limit = fault.cut_after_bytes
        over = limit is not None and reply.bytes_sent + len(data) > limit
        if limit is not None and over:
            data = data[: limit - reply.bytes_sent]
        step = fault.split_bytes or len(data) or 1
        for at in range(0, len(data), step):
            await reply.write(data[at : at + step])
            if fault.split_bytes:
                await reply.pause(0)  # its own write to the socket
        if over:
            await self._cut()

    async def _cut(self) -> NoReturn:
        await self._reply.cut(reset=self._fault.rst, inside_chunk=self._fault.inside_chunk)
        raise Ended

    async def _wrong_length(
        self, status: int, headers: HeaderList, body: bytes, added: int
    ) -> NoReturn:
        """A head that announces another length than what follows; then the connection ends."""
        lines = [b"HTTP/1.1 %d \r\n" % status]
        lines += [name + b": " + value + b"\r\n" for name, value in headers]
        lines.append(b"content-length: %d\r\n\r\n" % max(0, len(body) + added))
        self._ledger.first_byte(self._record, status)
        await self._reply.write_raw(b"".join(lines) + body)
        raise Ended

    def _headers(self, headers: HeaderList) -> HeaderList:
        fault = self._fault
        changed = {
            k.lower().encode(): v.encode("latin-1", "replace") for k, v in fault.headers.items()
        }
        if fault.content_type is not None:
            changed[b"content-type"] = fault.content_type.encode("latin-1", "replace")
        kept = [(name, value) for name, value in headers if name.lower() not in changed]
        return kept + list(changed.items())

    def _shaped(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        """The frames with the faults of their content in them."""
        fault, sent = self._fault, 0
        for frame in self._filtered(frames):
            if frame.kind != "comment":
                if fault.malformed_after_events == sent:
                    yield Frame("other", self._wire.malformed)
                if fault.error_after_events == sent:
                    yield from self._in_band_error()
                    return
                sent += 1
            yield frame

    def _filtered(self, frames: Iterable[Frame]) -> Iterator[Frame]:
        fault, wire = self._fault, self._wire
        huge = fault.huge_event_bytes
        for each in frames:
            frame: Frame | None = each
            if fault.usage_missing:
                frame = wire.without_usage(each)
            if frame is not None and frame.kind == "content" and huge is not None:
                yield from wire.huge(frame, huge, alone=fault.empty)
                huge = None
                continue
            if frame is not None and fault.empty:
                frame = wire.emptied(frame)
            if frame is None or (frame.kind == "done" and fault.no_done):
                continue
            if frame.kind == "finish" and fault.no_finish:
                continue
            yield frame
            if fault.duplicate_usage and (again := wire.repeats_usage(frame)) is not None:
                yield again

    def _in_band_error(self) -> Iterator[Frame]:
        persona = self._persona
        refusal = Refusal(self._fault.error or "server_error")
        rule = persona.errors.get(refusal.kind, persona.errors["server_error"])
        facts = {"model": self._record.model, "id": self._record.id}
        body = json.loads(render_error(persona, rule, (), facts).body)
        yield from self._wire.in_band_error(persona, body, self._record.id)

    def _altered(self, body: bytes) -> bytes:
        """A whole body with the faults of its content in it; a body that is no answer stays."""
        fault = self._fault
        if not (fault.usage_missing or fault.empty or fault.huge_event_bytes):
            return body
        try:
            answer = json.loads(body)
            self._wire.alter(answer, fault)
        except (json.DecodeError, KeyError, TypeError):
            return body
        return json.dumps(answer)
