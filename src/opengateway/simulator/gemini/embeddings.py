"""Gemini's embeddings, as its own API and Vertex AI speak them."""

from __future__ import annotations

import re
from typing import Any, Final
from urllib.parse import unquote

from opengateway.kit import json
from opengateway.kit.ids import NewId
from opengateway.simulator.cases import CaseBook
from opengateway.simulator.faults import Fault
from opengateway.simulator.forms import Form, Many, Number, Reader, Switch, Table, Text
from opengateway.simulator.gemini.faults import GeminiFaults
from opengateway.simulator.ledger import Record
from opengateway.simulator.link import Scope
from opengateway.simulator.metering import count_text
from opengateway.simulator.operation_keys import classify_completion
from opengateway.simulator.operations.answers import metered
from opengateway.simulator.operations.made import DIMENSIONS, vector
from opengateway.simulator.personas import Refusal, load_wire_personas
from opengateway.simulator.serving import Incoming, Prepared, from_case, no_case, reply_headers
from opengateway.simulator.settings import SimulatorSettings

_PATH: Final = re.compile(
    r"/gemini/v1(?:beta1?)?/(?P<vertex>projects/[^/]+/locations/[^/]+/publishers/google/)?"
    r"models/(?P<model>[^/:]+):(?P<action>embedContent|batchEmbedContents|predict)"
)
_MODEL: Final = "sim-embed"
_TASK: Final = Text(
    choices=(
        *("RETRIEVAL_QUERY", "RETRIEVAL_DOCUMENT", "SEMANTIC_SIMILARITY", "CLASSIFICATION"),
        *("CLUSTERING", "QUESTION_ANSWERING", "FACT_VERIFICATION", "CODE_RETRIEVAL_QUERY"),
    )
)
_PART: Final = Table({"text": Text()}, frozenset(("text",)))
_CONTENT: Final = Table({"role": Text(), "parts": Many(_PART, least=1)}, frozenset(("parts",)))
_ONE: Final[dict[str, Form]] = {
    "content": _CONTENT,
    "model": Text(),
    "taskType": _TASK,
    "title": Text(),
    "outputDimensionality": Number(low=1, high=3072),
}
_NAMED: Final = Table(_ONE, frozenset(("model", "content")))
_INSTANCE: Final = Table(
    {"content": Text(), "task_type": _TASK, "title": Text()}, frozenset(("content",))
)
_FORMS: Final = {
    "embedContent": Table(_ONE, frozenset(("content",))),
    "batchEmbedContents": Table(
        {"requests": Many(_NAMED, least=1, most=100)}, frozenset(("requests",))
    ),
    "predict": Table(
        {
            "instances": Many(_INSTANCE, least=1, most=1),
            "parameters": Table({"outputDimensionality": Number(low=1), "autoTruncate": Switch()}),
        },
        frozenset(("instances",)),
    ),
}


class GeminiEmbeddingsSimulator:
    """Stands before the wire of generateContent, at the same addresses."""

    prefix = "/gemini/"

    def __init__(self, settings: SimulatorSettings, cases: CaseBook, new_id: NewId) -> None:
        self.cases = cases
        self.faults = GeminiFaults()
        self.persona = load_wire_personas()["gemini"]
        self._settings = settings
        self._new_id = new_id

    @staticmethod
    def owns(path: str) -> bool:
        """`predict` is Vertex AI's alone."""
        found = _PATH.fullmatch(path)
        return found is not None and (found["action"] != "predict" or bool(found["vertex"]))

    def reset(self) -> None:
        self.cases.rewind()

    def arrived(self, scope: Scope, body: bytes) -> Incoming | dict[str, Any]:
        """A request to answer. Raises `Refusal`."""
        headers = dict(scope["headers"])
        key = headers.get(b"x-goog-api-key", b"").decode("latin-1")
        if not key:
            scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
            key = token.strip() if scheme.lower() == "bearer" else ""
        if not key:
            raise Refusal("missing_key")
        if key.startswith("bad-key"):
            raise Refusal("unauthorized")
        path = scope["path"]
        found = _PATH.fullmatch(path)
        if found is None or scope["method"] != "POST":
            raise Refusal("not_found")
        model, action = unquote(found["model"]), found["action"]
        return Incoming(
            self.persona, None, path, key, body, headers, action, model=model, stream=False
        )

    def user_text(self, body: dict[str, Any]) -> str:
        return ""

    def prepare(self, incoming: Incoming, body: Any, record: Record, fault: Fault) -> Prepared:
        """A recorded case, else a generated reply. Raises `Refusal`."""
        action = incoming.action
        asked = None
        if isinstance(body, dict):
            asked = body | {"model": incoming.model, "action": "embed", "stream": False}
        case = self.cases.find(asked, None)
        if case is not None:
            if case.status < 400:
                Reader().read(_FORMS[action], body)
            return from_case(case, self._settings.gap_s, classify_completion)
        if self._settings.strict_cases:
            raise no_case(self.cases, asked)
        read = Reader().read(_FORMS[action], body)
        if record.model != _MODEL and self._settings.traits(record.model, "gemini") is None:
            raise Refusal("unknown_model", (), model=record.model, action="embedContent")
        made, tokens = _made(action, read)
        headers = reply_headers(self.persona, self._new_id, stream=False)
        return Prepared(200, headers, metered(tokens), json.dumps(made))


def _made(action: str, body: dict[str, Any]) -> tuple[dict[str, Any], int]:
    if action == "predict":
        size = (body.get("parameters") or {}).get("outputDimensionality") or DIMENSIONS
        text = body["instances"][0]["content"]
        count = count_text(text)
        told = {"token_count": count, "truncated": False}
        prediction = {"embeddings": {"values": vector(text, size), "statistics": told}}
        return {"predictions": [prediction]}, count
    requests = body.get("requests") or [body]
    texts = ["".join(part["text"] for part in r["content"]["parts"]) for r in requests]
    vectors = [
        {"values": vector(text, request.get("outputDimensionality") or DIMENSIONS)}
        for text, request in zip(texts, requests, strict=True)
    ]
    tokens = sum(map(count_text, texts))
    if action == "batchEmbedContents":
        return {"embeddings": vectors}, tokens
    usage = {"promptTokenCount": tokens, "totalTokenCount": tokens}
    return {"embedding": vectors[0], "usageMetadata": usage}, tokens
