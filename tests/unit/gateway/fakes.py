"""A small world for the pipeline: a line-based wire, scripted providers, a caller that may leave."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from opengateway.domain.catalog import Endpoint, Model, ModelKind, Profile, Provider, Snapshot, Wire
from opengateway.domain.chat import ChatFacts, ChatReply, ChatRequest, Meter, UpstreamCall
from opengateway.domain.errors import ErrorClass, InvalidRequest, ShownError, UpstreamError
from opengateway.domain.principal import KeyKind, Principal
from opengateway.domain.routing_rules import Routing
from opengateway.domain.usage import Dimension, PriceRow, Usage
from opengateway.gateway.arrival import Arrival
from opengateway.gateway.services import GatewayLimits, GatewayServices
from opengateway.infra.journal.memory import MemoryJournal
from opengateway.infra.purse import UnlimitedPurse
from opengateway.kit.clock import SystemClock
from opengateway.kit.ids import IdSource
from opengateway.ports.tokens import TokenCounter
from opengateway.ports.transport import UpstreamRequest

RATES = {Dimension.INPUT: 1_000_000, Dimension.OUTPUT: 2_000_000}
"""1 nano-dollar an input token, 2 an output token."""


def endpoint(name: str, *, context: int = 1000, model: str = "m", encoding: str = "") -> Endpoint:
    return Endpoint(
        id=f"{name}/{model}",
        provider_id=name,
        upstream_model=model,
        context=context,
        max_output=100,
        price=PriceRow(f"{name}@2026-11-01#test", "2026-11-01", "test", RATES),
        hold_tokens_per_byte=0.25,
        token_encoding=encoding,
    )


def model(name: str, *endpoints: Endpoint) -> Model:
    return Model(
        id=name,
        name=name,
        owner=name.split("/")[0],
        kind=ModelKind.CHAT,
        created=0,
        context=1000,
        max_output=100,
        input_modalities=("text",),
        output_modalities=("text",),
        capabilities=("tools",),
        endpoints=endpoints,
    )


def snapshot(*models: Model, routing: Routing | None = None) -> Snapshot:
    names = {e.provider_id for m in models for e in m.endpoints}
    return Snapshot(
        version="v1",
        zone="test",
        created_at_ns=0,
        providers={
            n: Provider(n, n.title(), Wire.OPENAI, f"http://{n}.test", Profile()) for n in names
        },
        models={m.id: m for m in models},
        aliases={},
        routing=routing or Routing(),
    )


PRINCIPAL = Principal("key_1", "team_1", "k", KeyKind.INFERENCE, "00", 1, "og_live_...abcd", 0)


def chat(
    name: str = "lab/m", *, stream: bool = False, fallbacks: tuple[str, ...] = ()
) -> ChatRequest:
    return ChatRequest(
        model=name,
        stream=stream,
        include_usage=True,
        fields={},
        facts=ChatFacts(),
        input_bytes=40,
        fallbacks=fallbacks,
    )


class LineStream:
    """`text:...`, `usage:N`, `finish:reason`, `error`, `done`, one a line."""

    def __init__(self) -> None:
        self.meter = Meter()
        self.done = False
        self.error: UpstreamError | None = None
        self._rest = b""

    def feed(self, chunk: bytes) -> bytes:
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        out = b""
        for line in lines:
            kind, _, value = line.decode().partition(":")
            if self.done or self.error:
                break
            if kind == "text":
                self.meter.hand_on(value)
                out += line + b"\n"
            elif kind == "usage":
                self.meter.usage = Usage({Dimension.INPUT: 10, Dimension.OUTPUT: int(value)})
            elif kind == "cached":
                fresh, cached, output = map(int, value.split(","))
                kinds = (Dimension.INPUT, Dimension.CACHE_READ, Dimension.OUTPUT)
                self.meter.usage = Usage(dict(zip(kinds, (fresh, cached, output), strict=True)))
            elif kind == "finish":
                self.meter.finish_reason = value
            elif kind == "error":
                self.error = UpstreamError(ErrorClass.SERVER_ERROR, "in-band")
            elif kind == "done":
                self.done = True
        return out

    def end(self) -> bytes:
        if not self.done and not self.error:
            self.error = UpstreamError(ErrorClass.TRUNCATED, "cut")
        return b""


class LineWire:
    def request(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
    ) -> UpstreamCall:
        if endpoint.upstream_model == "unable":
            raise InvalidRequest("this vendor cannot", param="n")
        return UpstreamCall("/chat", b"{}")

    def reply(
        self, body: bytes, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatReply:
        stream = LineStream()
        out = stream.feed(body)
        if stream.error:
            raise stream.error
        return ChatReply(out, stream.meter)

    def stream(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> LineStream:
        return LineStream()

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, provider: Provider
    ) -> UpstreamError:
        classes = {400: ErrorClass.BAD_REQUEST, 413: ErrorClass.CONTEXT_EXCEEDED}
        classes |= {401: ErrorClass.AUTH, 429: ErrorClass.RATE_LIMITED}
        classes |= {422: ErrorClass.TOOL_CALL_FAILED}
        retry = headers.get("retry-after")
        return UpstreamError(
            classes.get(status, ErrorClass.SERVER_ERROR),
            "refused",
            upstream_status=status,
            detail=body.decode(),
            retry_after_s=float(retry) if retry else None,
        )


class LineDialect:
    name = "lines"
    end_marker = b"END\n"
    keep_alive = b": alive\n"

    def decode(self, body: bytes, headers: Mapping[str, str]) -> ChatRequest:
        raise InvalidRequest("not used here")

    def shown(self, error: ShownError) -> ShownError:
        return error

    def error_body(self, error: ShownError) -> bytes:
        return f"ERROR {error.status} {error.code}".encode()

    def error_event(self, error: ShownError) -> bytes:
        return f"BROKE {error.code}\n".encode()


STALL = b"<stall>"
"""A chunk that never comes."""
CUT = b"<cut>"
"""The connection breaks here."""


@dataclass
class Script:
    """What one provider does when it is asked. `fail` is raised instead of an answer."""

    chunks: Sequence[bytes] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    fail: UpstreamError | None = None
    delay_s: float = 0.0
    hang: bool = False


def ok(*lines: str) -> Script:
    return Script(
        chunks=[f"{line}\n".encode() for line in lines],
        headers={"content-type": "text/event-stream"},
    )


class ScriptedResponse:
    def __init__(self, script: Script) -> None:
        self.status = script.status
        self.headers = dict(script.headers)
        self._chunks = list(script.chunks)
        self.released = 0
        self.aborted = 0

    async def chunk(self) -> bytes:
        if not self._chunks:
            return b""
        data = self._chunks.pop(0)
        if data == STALL:
            await asyncio.Event().wait()
        if data == CUT:
            raise UpstreamError(ErrorClass.ABORTED, "the connection broke")
        return data

    async def pump(self, sink: Callable[[bytes], bool]) -> bool:
        while data := await self.chunk():
            if not sink(data):
                return False
        return True

    async def read(self, limit_bytes: int) -> bytes:
        body = b""
        while data := await self.chunk():
            body += data
        return body

    async def release(self) -> None:
        self.released += 1

    def abort(self) -> None:
        self.aborted += 1


class ScriptedTransport:
    """Answers by host name; a provider's scripts are used up in order, the last one stays."""

    def __init__(self, **scripts: Script | list[Script]) -> None:
        self._scripts = {
            name: list(s) if isinstance(s, list) else [s] for name, s in scripts.items()
        }
        self.asked: list[str] = []
        self.requests: list[UpstreamRequest] = []
        self.responses: list[ScriptedResponse] = []

    async def send(self, request: UpstreamRequest) -> ScriptedResponse:
        name = request.url.removeprefix("http://").split(".")[0]
        self.asked.append(name)
        self.requests.append(request)
        queue = self._scripts[name]
        script = queue.pop(0) if len(queue) > 1 else queue[0]
        if script.hang:
            await asyncio.Event().wait()
        if script.delay_s:
            await asyncio.sleep(script.delay_s)
        if script.fail is not None:
            raise script.fail
        response = ScriptedResponse(script)
        self.responses.append(response)
        return response

    async def aclose(self) -> None: ...


class RecordingCaller:
    """Keeps what it is sent. `leave_after` writes it goes; `hang_after` it stops reading."""

    def __init__(self, *, leave_after: int | None = None, hang_after: int | None = None) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.ended = False
        self.aborted = False
        self.writes = 0
        self._gone: Callable[[], None] | None = None
        self._leave_after = leave_after
        self._hang_after = hang_after
        self._released = asyncio.Event()

    def start(self, status: int, head: bytes) -> None:
        assert self.status == 0, "an answer is begun once"
        self.status = status
        lines = head.decode().removesuffix("\r\n").split("\r\n")
        self.headers = dict(line.split(": ", 1) for line in lines)

    def put(self, body: bytes) -> bool:
        assert self.status, "no body before the status"
        assert not self.ended, "nothing after the end"
        if body:
            self.writes += 1
            self.body += body
        if self._leave_after is not None and self.writes >= self._leave_after:
            self.leave()
        return self._hang_after is None or self.writes < self._hang_after

    async def write(self, body: bytes, *, last: bool) -> None:
        reads = self.put(body)
        self.ended = last
        if not reads:
            await self._released.wait()

    def on_gone(self, callback: Callable[[], None] | None) -> None:
        self._gone = callback

    def leave(self) -> None:
        if self._gone is not None:
            self._gone()

    def abort(self) -> None:
        self.aborted = True
        self._released.set()


class World:
    """Services over scripted providers, and what was recorded."""

    def __init__(
        self,
        models: Sequence[Model],
        transport: ScriptedTransport,
        *,
        routing: Routing | None = None,
        limits: GatewayLimits | None = None,
        tokens: TokenCounter | None = None,
    ) -> None:
        self.snapshot = snapshot(*models, routing=routing)
        self.transport = transport
        self.journal = MemoryJournal()
        self.purse = UnlimitedPurse()
        self.bugs: list[tuple[str, BaseException]] = []
        clock = SystemClock()
        self.services = GatewayServices(
            zone="test",
            gateway_id="gw_1",
            snapshots=self,
            keys=self,
            purse=self.purse,
            journal=self.journal,
            transport=transport,
            wires={Wire.OPENAI: LineWire()},
            chat_dialect=LineDialect(),
            credentials={},
            base_urls={},
            clock=clock,
            new_id=IdSource(clock),
            on_bug=lambda where, bug: self.bugs.append((where, bug)),
            limits=limits or GatewayLimits(),
            tokens=tokens,
        )

    def current(self) -> Snapshot:
        return self.snapshot

    def authenticate(self, secret: str) -> Principal:
        return PRINCIPAL

    def ready(self) -> None: ...

    def arrival(self) -> Arrival:
        services = self.services
        return Arrival(
            services.new_id("gen_"),
            services.clock.now_ns(),
            services.clock.monotonic(),
            "chat.completions",
            {},
            b"x" * 40,
            None,
        )
