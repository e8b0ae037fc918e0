"""The simulator as an ASGI application: addresses, keys, bodies; then a wire answers."""

from __future__ import annotations

import logging
import re
from dataclasses import replace

from opengateway.domain.errors import OperatorError
from opengateway.kit import json
from opengateway.kit.clock import Clock, SystemClock
from opengateway.kit.ids import IdSource, NewId
from opengateway.simulator.anthropic.wire import AnthropicSimulator
from opengateway.simulator.bedrock.wire import BedrockSimulator
from opengateway.simulator.cases import load_cases, no_cases
from opengateway.simulator.chat import ChatSimulator
from opengateway.simulator.cohere.wire import CohereSimulator
from opengateway.simulator.faults import Rule, RuleBook, parse_rules
from opengateway.simulator.gemini.embeddings import GeminiEmbeddingsSimulator
from opengateway.simulator.gemini.wire import GeminiSimulator
from opengateway.simulator.ledger import Ledger
from opengateway.simulator.link import CallerGone, Cut, Receive, Reply, Scope, Send, read_body
from opengateway.simulator.operations.forms import PATHS as OPERATION_PATHS
from opengateway.simulator.operations.wire import OperationsSimulator
from opengateway.simulator.personas import Persona, Refusal, load_personas, render_refusal
from opengateway.simulator.responses.wire import COUNTING, ResponsesSimulator
from opengateway.simulator.responses.wire import PATH as RESPONSES
from opengateway.simulator.serving import Incoming, Service
from opengateway.simulator.settings import MAX_FAULT_BYTES, SimulatorSettings
from opengateway.simulator.vertex import TOKEN_PATH, VertexClaudeSimulator, exchanged, on_gemini

OtherWire = (
    AnthropicSimulator
    | GeminiSimulator
    | BedrockSimulator
    | VertexClaudeSimulator
    | CohereSimulator
    | GeminiEmbeddingsSimulator
)
_log = logging.getLogger("opengateway.simulator")
_AZURE = "/azure/openai"
_DEPLOYED = re.compile(r"/deployments/(?P<name>[^/]+)(?P<rest>/.+)")
_JSON = (b"content-type", b"application/json")


def build_app(
    settings: SimulatorSettings | None = None,
    clock: Clock | None = None,
    new_id: NewId | None = None,
) -> Simulator:
    """Load cases and faults and make the application. Raises `OperatorError`."""
    settings = settings or SimulatorSettings()
    books = load_cases(settings.cases) if settings.cases is not None else no_cases()
    rules: list[Rule] = []
    if settings.faults is not None:
        try:
            text = settings.faults.read_bytes()
        except OSError as error:
            raise OperatorError(f"faults: cannot read {str(settings.faults)!r}: {error}") from error
        rules = parse_rules(text, str(settings.faults))
    clock = clock or SystemClock()
    new_id = new_id or IdSource(clock)
    ledger = Ledger(clock)
    service = Service(settings, ledger, clock, new_id)
    service.rules = RuleBook(rules, settings.seed)
    chat = ChatSimulator(settings, books["chat"], clock, new_id)
    anthropic = AnthropicSimulator(settings, books["anthropic"], clock, new_id)
    gemini = GeminiSimulator(settings, books["gemini"], new_id)
    invoked = AnthropicSimulator(settings, books["bedrock-invoke"], clock, new_id)
    bedrock = BedrockSimulator(settings, books["bedrock"], invoked, clock, new_id)
    vertex = VertexClaudeSimulator(settings, no_cases()["anthropic"], clock, new_id)
    responses = ResponsesSimulator(settings, books["responses"], clock, new_id)
    cohere = CohereSimulator(settings, books["cohere"], books["operations"], new_id)
    others = (anthropic, gemini, bedrock, vertex, cohere)
    made = Simulator(settings, service, ledger, chat, responses, others)
    made.add_operations(
        OperationsSimulator(settings, books["operations"], clock, new_id),
        GeminiEmbeddingsSimulator(settings, books["operations"], new_id),
    )
    return made


class Simulator:
    """Routes requests. One per process; not thread-safe."""

    def __init__(
        self,
        settings: SimulatorSettings,
        service: Service,
        ledger: Ledger,
        chat: ChatSimulator,
        responses: ResponsesSimulator,
        others: tuple[OtherWire, ...],
    ) -> None:
        self._settings = settings
        self._service = service
        self._ledger = ledger
        self._chat = chat
        self._responses = responses
        self._others = others
        self._personas = load_personas()

    def add_operations(
        self, operations: OperationsSimulator, embeddings: GeminiEmbeddingsSimulator
    ) -> None:
        """What stands beside chat, on the wires of OpenAI and of Google."""
        self._operations = operations
        self._embeddings = embeddings

    @property
    def ledger(self) -> Ledger:
        return self._ledger

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
            return
        if scope["type"] != "http":
            return
        try:
            body = await read_body(scope, receive, self._settings.max_body_bytes)
        except CallerGone:
            return
        reply = Reply(scope, receive, send)
        try:
            await self._answer(scope, reply, body)
        except CallerGone:
            pass
        except Cut:
            raise
        except Exception:
            _log.exception("the simulator failed at %s", scope["path"])
            if not reply.started:
                await _send_json(reply, 500, {"error": {"message": "the simulator failed"}})
            else:
                raise
        finally:
            reply.end()

    async def _answer(self, scope: Scope, reply: Reply, body: bytes | None) -> None:
        path, method = scope["path"], scope["method"]
        if path == "/healthz":
            await _send_json(reply, 200, {"status": "ok"})
        elif path.startswith("/__simulator/"):
            await self._admin(scope, reply, body or b"")
        elif path == TOKEN_PATH:
            status, made = exchanged(body or b"", self._service.now_s())
            await _send_json(reply, status, made)
        else:
            scope = on_gemini(scope)
            path = scope["path"]
            if self._embeddings.owns(path):
                await self._other(self._embeddings, scope, reply, body)
                return
            for wire in self._others:
                if path.startswith(wire.prefix):
                    await self._other(wire, scope, reply, body)
                    return
            await self._vendor(path, method, scope, reply, body)

    async def _other(
        self,
        wire: OtherWire,
        scope: Scope,
        reply: Reply,
        body: bytes | None,
    ) -> None:
        try:
            if body is None:
                raise Refusal("too_large", (), limit=self._settings.max_body_bytes)
            arrived = wire.arrived(scope, body)
            if isinstance(arrived, Incoming):
                await self._service.answer(wire, arrived, reply)
            else:
                await _send_json(reply, 200, arrived)
        except Refusal as refusal:
            await self._refuse(reply, wire.persona, refusal, closing=body is None)

    async def _vendor(
        self, path: str, method: str, scope: Scope, reply: Reply, body: bytes | None
    ) -> None:
        persona, provider, rest = self._addressed(path)
        if persona is None:
            await _send_json(
                reply, 404, {"error": {"message": f"no persona is called {provider!r:.80}"}}
            )
            return
        try:
            if body is None:
                raise Refusal("too_large", (), limit=self._settings.max_body_bytes)
            key = authorize(scope, persona)
            model, rest = _deployed(scope, rest)
            headers = {name: value for name, value in scope["headers"]}
            incoming = Incoming(persona, provider, path, key, body, headers, model=model)
            if (wire := self._spoken(rest)) is not None:
                if method != "POST":
                    raise Refusal("method", (), path=path)
                if wire is self._responses:
                    persona = self._responses.persona
                    incoming = replace(incoming, persona=persona, action=rest)
                if wire is self._operations:
                    incoming = self._operations.arrived(incoming, rest)
                await self._service.answer(wire, incoming, reply)
            elif rest == "/models" and method == "GET":
                await _send_json(reply, 200, self._chat.models())
            elif rest.startswith("/models/") and method == "GET":
                await _send_json(reply, 200, self._chat.model(rest.removeprefix("/models/")))
            else:
                raise Refusal("not_found", (), path=path)
        except Refusal as refusal:
            await self._refuse(reply, persona, refusal, closing=body is None)

    def _spoken(self, rest: str) -> ChatSimulator | ResponsesSimulator | OperationsSimulator | None:
        """What answers at that path below the base URL."""
        if rest == "/chat/completions":
            return self._chat
        if rest in (RESPONSES, COUNTING):
            return self._responses
        return self._operations if rest in OPERATION_PATHS else None

    async def _refuse(
        self, reply: Reply, persona: Persona, refusal: Refusal, *, closing: bool
    ) -> None:
        """Refuse before there is a record. `closing` where the rest of the body was not read."""
        made = render_refusal(persona, refusal, reply_id=self._service.new_id(persona.id_prefix))
        headers = [*made.headers, *([(b"connection", b"close")] if closing else [])]
        await reply.start(made.status, headers, length=len(made.body))
        await reply.write(made.body, last=True)

    def _addressed(self, path: str) -> tuple[Persona | None, str | None, str]:
        """Which vendor is asked: `(persona, provider, the path below /v1)`."""
        if path.startswith(_AZURE):
            rest = path.removeprefix(_AZURE)
            below = rest.removeprefix("/v1")
            known = below if below != rest or _DEPLOYED.fullmatch(rest) else "\0"
            return self._personas["azure"], "azure", known
        if not path.startswith("/as/"):
            rest = path.removeprefix("/v1") if path.startswith("/v1/") else "\0"
            return self._personas["simulator"], None, rest
        name, slash, rest = path.removeprefix("/as/").partition("/")
        rest = (slash + rest).removeprefix("/v1")
        if (persona := self._personas.get(name)) is not None:
            return persona, name, rest
        if name in self._chat.cases.providers:
            return self._personas["generic"], name, rest
        return None, name, rest

    async def _admin(self, scope: Scope, reply: Reply, body: bytes) -> None:
        action = scope["method"], scope["path"].removeprefix("/__simulator/")
        if action == ("GET", "stats"):
            query = scope.get("query_string", b"")
            digits = query.removeprefix(b"limit=")
            limit = int(digits) if digits.isdigit() and len(digits) < 8 else 1000
            await _send_json(reply, 200, self._ledger.report(limit))
        elif action == ("GET", "faults"):
            rules = self._service.rules
            await _send_json(reply, 200, {"rules": rules.rules, "struck": rules.struck()})
        elif action == ("POST", "faults"):
            try:
                if len(body) > MAX_FAULT_BYTES:
                    raise OperatorError(f"larger than {MAX_FAULT_BYTES} bytes")
                rules = RuleBook(parse_rules(body, "rules"), self._settings.seed)
            except OperatorError as error:
                await _send_json(reply, 400, {"error": {"message": error.message}})
                return
            self._service.rules = rules
            await _send_json(reply, 200, {"rules": len(rules.rules)})
        elif action == ("POST", "reset"):
            for each in (
                self._service,
                self._operations,
                self._chat,
                self._responses,
                *self._others,
            ):
                each.reset()
            await _send_json(reply, 200, {"status": "reset"})
        else:
            await _send_json(reply, 404, {"error": {"message": "no such simulator address"}})


def _deployed(scope: Scope, rest: str) -> tuple[str | None, str]:
    """The deployment that a path names, and what follows it. Raises `Refusal`."""
    found = _DEPLOYED.fullmatch(rest)
    if found is None:
        return None, rest
    if b"api-version=" not in scope.get("query_string", b""):
        raise Refusal("not_found", (), path=scope["path"])
    return found["name"], found["rest"]


def authorize(scope: Scope, persona: Persona) -> str:
    """The caller's key, empty where the vendor wants none. Raises `Refusal`."""
    headers = dict(scope["headers"])
    scheme, _, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    key = key.strip() if scheme.lower() == "bearer" else ""
    if persona.auth == "api-key":
        key = headers.get(b"api-key", b"").decode("latin-1") or key
    if not key and persona.auth != "none":
        raise Refusal("missing_key")
    if key.startswith("bad-key"):
        raise Refusal("unauthorized", (), key=f"{key[:3]}***{key[-3:]}")
    return key


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def _send_json(reply: Reply, status: int, value: object) -> None:
    body = json.dumps(value)
    await reply.start(status, [_JSON], length=len(body))
    await reply.write(body, last=True)
