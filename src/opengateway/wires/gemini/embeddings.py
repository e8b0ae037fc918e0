"""Embeddings of Gemini's models: `batchEmbedContents`, and on Vertex AI `embedContent` or `predict`.

Google's API says nothing of tokens in a batch: these are counted by the text's length, and flagged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatReply, ChatRequest, UpstreamCall
from opengateway.domain.errors import UpstreamError
from opengateway.kit.json import JsonObject, dumps, loads
from opengateway.wires.gemini.error import error_of_status
from opengateway.wires.gemini.request import PATH
from opengateway.wires.openai_chat.error import malformed
from opengateway.wires.operations.embeddings import embeddings_reply, purpose_of, refuse_many
from opengateway.wires.operations.members import unsupported
from opengateway.wires.operations.metering import details, first
from opengateway.wires.operations.whole import WholeWire, object_of

MAX_TEXTS: Final = 100
_TASKS: Final = {
    "search_document": "RETRIEVAL_DOCUMENT",
    "search_query": "RETRIEVAL_QUERY",
    "classification": "CLASSIFICATION",
    "clustering": "CLUSTERING",
}
_READ: Final = frozenset(("model", "input", "encoding_format", "dimensions", "input_type"))


class GeminiEmbeddingsWire(WholeWire):
    """See `ports.provider.ChatWire`. Holds no state."""

    __slots__ = ()

    def request(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
    ) -> UpstreamCall:
        if chat.demand is not None and chat.demand.tokens:
            raise unsupported(provider, "input", "send texts, not tokens")
        shape = _shape(endpoint, provider)
        refuse_many(chat, provider, MAX_TEXTS if shape == "batch" else 1)
        fields = {n: raw for n, raw in chat.fields.items() if bytes(raw) != b"null"}
        given = loads(fields["input"])
        texts = [given] if isinstance(given, str) else given
        purpose = fields.get("input_type")
        task = purpose_of(str(loads(purpose))) if purpose is not None else ""
        task = _TASKS.get(task, task)
        size = loads(fields["dimensions"]) if "dimensions" in fields else None
        model = endpoint.upstream_model
        path = (provider.profile.operation_path or PATH).replace("{model}", quote(model, safe="@"))
        dropped = tuple(name for name in fields if name not in _READ)
        if shape == "predict":
            body = _predicted(texts, task, size)
            return UpstreamCall(f"{path}:predict", dumps(body), dropped)
        requests = [_content(text, task, size) for text in texts]
        if shape == "single":
            return UpstreamCall(f"{path}:embedContent", dumps(requests[0]), dropped)
        named = [{"model": f"models/{model}", **request} for request in requests]
        return UpstreamCall(f"{path}:batchEmbedContents", dumps({"requests": named}), dropped)

    def reply(
        self, body: bytes, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatReply:
        answer = object_of(body, provider)
        reported = details(answer, "usageMetadata")
        tokens = first(reported, "promptTokenCount", "totalTokenCount")
        found = answer.get("embeddings", [answer.get("embedding")])
        if isinstance(predictions := answer.get("predictions"), list):
            found = [one.get("embeddings") for one in predictions if isinstance(one, dict)]
            tokens = sum(first(details(one or {}, "statistics"), "token_count") for one in found)
        if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
            raise malformed(provider, "gave an answer without embeddings")
        vectors = [one.get("values") for one in found]
        asked = (chat, endpoint, provider, model_id)
        return embeddings_reply(vectors, {"prompt_tokens": tokens}, None, asked)

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, provider: Provider
    ) -> UpstreamError:
        return error_of_status(status, headers, body, provider)


def _shape(endpoint: Endpoint, provider: Provider) -> str:
    model = endpoint.upstream_model
    shapes = provider.profile.embeddings_as.items()
    return next((shape for prefix, shape in shapes if model.startswith(prefix)), "batch")


def _content(text: str, task: str, size: Any) -> JsonObject:
    made: JsonObject = {"content": {"parts": [{"text": text}]}}
    if task:
        made["taskType"] = task
    if size is not None:
        made["outputDimensionality"] = size
    return made


def _predicted(texts: list[str], task: str, size: Any) -> JsonObject:
    instances: list[JsonObject] = [{"content": text} for text in texts]
    for instance in instances if task else ():
        instance["task_type"] = task
    made: JsonObject = {"instances": instances}
    if size is not None:
        made["parameters"] = {"outputDimensionality": size}
    return made
