"""Cohere's wire: chat, embed and rerank; a recorded case, or a generated reply."""

from __future__ import annotations

from typing import Any, Final

from opengateway.kit import json
from opengateway.kit.ids import NewId
from opengateway.simulator.answers import make_answers
from opengateway.simulator.cases import CaseBook
from opengateway.simulator.cohere.faults import CohereFaults
from opengateway.simulator.cohere.forms import CHAT
from opengateway.simulator.cohere.rendering import frames_of, whole_reply
from opengateway.simulator.faults import Fault
from opengateway.simulator.forms import Reader
from opengateway.simulator.ledger import Record
from opengateway.simulator.link import Scope
from opengateway.simulator.metering import PromptCache, count_text, meter_of
from opengateway.simulator.operations.answers import metered, ranked
from opengateway.simulator.operations.forms import COHERE, MODELS
from opengateway.simulator.operations.made import DIMENSIONS, as_base64, vector
from opengateway.simulator.personas import Refusal, load_wire_personas
from opengateway.simulator.reading import last_user_text, read_ask
from opengateway.simulator.rendering import FrameKind
from opengateway.simulator.serving import Incoming, Prepared, from_case, no_case, reply_headers
from opengateway.simulator.settings import SimulatorSettings

_PATHS: Final = {
    "/cohere/v2/chat": "chat",
    "/cohere/v2/embed": "embed",
    "/cohere/v2/rerank": "rerank",
}
_OPERATIONS: Final = {"embed": "embeddings", "rerank": "rerank"}
_CHOICES: Final = {"REQUIRED": "required", "NONE": "none"}


class CohereSimulator:
    """Holds what outlives a request on this wire. `operations` are cases of embed and rerank."""

    prefix = "/cohere/"

    def __init__(
        self, settings: SimulatorSettings, cases: CaseBook, operations: CaseBook, new_id: NewId
    ) -> None:
        self.cases = cases
        self.faults = CohereFaults()
        self.persona = load_wire_personas()["cohere"]
        self._operations = operations
        self._settings = settings
        self._new_id = new_id
        self._prompts = PromptCache()

    def reset(self) -> None:
        """Forget counters and cached prompts."""
        self.cases.rewind()
        self._operations.rewind()
        self._prompts.clear()

    def arrived(self, scope: Scope, body: bytes) -> Incoming | dict[str, Any]:
        """A request to answer. Raises `Refusal`."""
        headers = dict(scope["headers"])
        scheme, _, key = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if scheme.lower() != "bearer" or not key.strip():
            raise Refusal("missing_key")
        if key.startswith("bad-key"):
            raise Refusal("unauthorized")
        action = _PATHS.get(scope["path"])
        if action is None:
            raise Refusal("not_found")
        if scope["method"] != "POST":
            raise Refusal("method")
        stream = None if action == "chat" else False
        path = scope["path"]
        return Incoming(self.persona, None, path, key, body, headers, action, stream=stream)

    def user_text(self, body: dict[str, Any]) -> str:
        messages = body.get("messages")
        return last_user_text(messages) if isinstance(messages, list) else ""

    def prepare(self, incoming: Incoming, body: Any, record: Record, fault: Fault) -> Prepared:
        """A recorded case, else a generated reply. Raises `Refusal`."""
        if incoming.action != "chat":
            return self._operation(incoming.action, body, record)
        asked = body | {"action": ""} if isinstance(body, dict) else None
        case = self.cases.find(asked, None)
        if case is not None:
            if case.status < 400:
                Reader().read(CHAT, body)
            return from_case(case, self._settings.gap_s, classify_cohere)
        if self._settings.strict_cases:
            raise no_case(self.cases, asked)
        read = Reader().read(CHAT, body)
        _check(read)
        traits = self._settings.traits(record.model)
        if traits is None:
            raise Refusal("unknown_model", (), model=record.model)
        as_chat = _as_chat(read)
        ask = read_ask(as_chat, self.persona, traits, fault.tokens)
        prompt, cached = self._prompts.count(as_chat, incoming.key)
        if prompt > traits.context:
            raise Refusal("context_length", (), tokens=prompt, limit=traits.context)
        answers = make_answers(ask, self.persona, traits, fault.tokens)
        meter = meter_of(answers, prompt=prompt, cached=cached)
        headers = reply_headers(self.persona, self._new_id, stream=record.stream)
        if record.stream:
            frames = frames_of(answers[0], meter, record.id)
            return Prepared(200, headers, meter, b"", frames, traits.gap_s)
        return Prepared(200, headers, meter, json.dumps(whole_reply(answers[0], meter, record.id)))

    def _operation(self, action: str, body: Any, record: Record) -> Prepared:
        asked = None
        if isinstance(body, dict):
            asked = body | {"action": _OPERATIONS[action], "stream": False}
        case = self._operations.find(asked, "cohere")
        if case is not None:
            if case.status < 400:
                Reader().read(COHERE[action], body)
            return from_case(case, self._settings.gap_s, classify_cohere)
        if self._settings.strict_cases:
            raise no_case(self._operations, asked)
        read = Reader().read(COHERE[action], body)
        serves = MODELS.get(record.model)
        if serves is None and self._settings.traits(record.model) is None:
            raise Refusal("unknown_model", (), model=record.model)
        if serves is not None and action not in serves:
            told = f"model '{record.model}' does not support this operation"
            raise Refusal("bad_value", ("model",), message=told)
        made, tokens = _embedded(read) if action == "embed" else _ranked(read)
        headers = reply_headers(self.persona, self._new_id, stream=False)
        return Prepared(200, headers, metered(tokens), json.dumps({"id": record.id, **made}))


def classify_cohere(data: bytes) -> FrameKind:
    """The kind of an event with this data."""
    tight = data.replace(b": ", b":")
    if data == b"[DONE]":
        return "done"
    return "finish" if b'"type":"message-end"' in tight else "content"


def _check(body: dict[str, Any]) -> None:
    """What no single member's form says."""
    if body.get("frequency_penalty") and body.get("presence_penalty"):
        told = "invalid request: only one of frequency_penalty and presence_penalty may be set"
        raise Refusal("bad_value", (), message=told)
    if body.get("tool_choice") and not body.get("tools"):
        raise Refusal("bad_value", (), message="invalid request: tool_choice needs tools")
    if body.get("tools") and (body.get("response_format") or {}).get("type") == "json_object":
        told = "invalid request: response_format is not supported with tools"
        raise Refusal("bad_value", (), message=told)
    known: set[str] = set()
    for message in body["messages"]:
        known |= {call["id"] for call in message.get("tool_calls") or ()}
        if message["role"] == "tool" and message["tool_call_id"] not in known:
            told = "invalid request: a tool message follows no call of its id"
            raise Refusal("bad_value", (), message=told)


def _as_chat(body: dict[str, Any]) -> dict[str, Any]:
    """The request in the words of the generator."""
    made: dict[str, Any] = {"model": body["model"], "messages": body["messages"]}
    for theirs, ours in (("tools", "tools"), ("max_tokens", "max_tokens"), ("seed", "seed")):
        if body.get(theirs) is not None:
            made[ours] = body[theirs]
    if body.get("stop_sequences"):
        made["stop"] = body["stop_sequences"]
    if choice := body.get("tool_choice"):
        made["tool_choice"] = _CHOICES[choice]
    form = body.get("response_format") or {}
    if form.get("json_schema"):
        schema = {"name": "answer", "schema": form["json_schema"]}
        made["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif form.get("type") == "json_object":
        made["response_format"] = {"type": "json_object"}
    if (body.get("thinking") or {}).get("type") == "disabled":
        made["reasoning_effort"] = "none"
    return made


def _embedded(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    size = body.get("output_dimension") or DIMENSIONS
    vectors = [vector(text, size) for text in body["texts"]]
    by_type: dict[str, Any] = {}
    for kind in body.get("embedding_types") or ["float"]:
        by_type[kind] = [as_base64(v) for v in vectors] if kind == "base64" else vectors
    tokens = sum(map(count_text, body["texts"]))
    meta = {"api_version": {"version": "2"}, "billed_units": {"input_tokens": tokens}}
    made = {"embeddings": by_type, "texts": body["texts"], "meta": meta}
    return {**made, "response_type": "embeddings_by_type"}, tokens


def _ranked(body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    documents = body["documents"]
    found = ranked(body["query"], documents, body.get("top_n"))
    units = -(-len(documents) // 100)
    meta = {"api_version": {"version": "2"}, "billed_units": {"search_units": units}}
    results = [{"index": at, "relevance_score": score} for at, score in found]
    return {"results": results, "meta": meta}, sum(map(count_text, documents))
