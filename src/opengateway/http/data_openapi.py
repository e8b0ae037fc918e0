"""`/openapi.json`: the data plane described, OpenAPI 3.1.

What a request may say is not written down a second time: the schemas are made of the types that
requests are decoded into (`dialects`). A test holds the paths against the route table, and recorded
and live answers against the schemas of answers.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import msgspec

from opengateway.dialects.anthropic_messages.shapes import Params as MessagesParams
from opengateway.dialects.openai_chat.shapes import Params as ChatParams
from opengateway.dialects.openai_operations import shapes as operations
from opengateway.dialects.openai_responses.shapes import Params as ResponsesParams
from opengateway.http.data_answers import ANSWERS, TEXT, Schema, ref
from opengateway.kit.json import dumps

_PREFIX: Final = "#/components/schemas/"
_SHARED: Final = frozenset(
    ("Extra", "Preferences", "Sorted", "Percentiles", "PriceBounds", "Debug")
)
"""Types that several requests have: one schema each."""
_REQUESTS: Final[dict[str, type]] = {
    "ChatRequest": ChatParams,
    "ResponsesRequest": ResponsesParams,
    "MessagesRequest": MessagesParams,
    "CompletionRequest": operations.Completions,
    "EmbeddingsRequest": operations.Embeddings,
    "RerankRequest": operations.Rerank,
    "ImagesRequest": operations.Images,
    "SpeechRequest": operations.Speech,
    "TranscriptionRequest": operations.Transcriptions,
    "ModerationRequest": operations.Moderations,
}
_ASK_HEADERS: Final = {
    "x-opengateway-session-id": "Groups requests in the log; stronger than `session_id`.",
    "x-opengateway-user-id": "Your end user; stronger than `user`.",
    "x-opengateway-timeout": "Milliseconds to wait for the first content, 1 to 600000.",
    "x-opengateway-strict-parameters": "`true`: what a provider cannot do as asked is refused.",
    "x-opengateway-log-body": "`false`: nothing of this request's body is kept.",
    "idempotency-key": "Makes a repeat safe: the same request is done once.",
}
_TOLD_HEADERS: Final = {
    "x-request-id": "The generation's id.",
    "x-opengateway-provider": "Who served it.",
    "x-opengateway-region": "Where.",
    "x-opengateway-model": "The model that served it: a fallback's, if it came to that.",
    "x-opengateway-attempts": "How many attempts it took.",
    "x-opengateway-dropped-params": "What was left out, because the provider does not take it.",
    "x-opengateway-overhead-ms": "What the gateway itself took.",
}
_STATUSES: Final = {
    "400": "The request is wrong, or no provider can do it as it was asked; `param` names what.",
    "401": "The key is missing, unknown, revoked or expired.",
    "402": "There is not enough money, or a budget is used up.",
    "403": "A policy forbids it: the key's, the team's or the zone's.",
    "404": "There is no such model, or nothing of that name is kept for the team.",
    "413": "The body is too large.",
    "429": "The caller's own limit of rate.",
    "501": "It is not served by this version.",
    "502": "The provider's answer was broken.",
    "503": "Capacity: ours, or the providers'. `retry-after` says when to come again.",
    "504": "The provider did not answer in time.",
    "529": "On Anthropic's surface, in place of 503.",
}
_SAID: Final = [{"role": "user", "content": "Hello"}]
_EXAMPLES: Final[Schema] = {
    "ChatRequest": {"model": "openai/gpt-4o-mini", "messages": _SAID},
    "ResponsesRequest": {"model": "openai/gpt-4o-mini", "input": "Hello"},
    "MessagesRequest": {
        "model": "anthropic/claude-sonnet-4-5",
        "max_tokens": 1024,
        "messages": _SAID,
    },
    "CompletionRequest": {"model": "simulator/complete", "prompt": "Once upon a time"},
    "EmbeddingsRequest": {"model": "openai/text-embedding-3-small", "input": "Hello"},
    "RerankRequest": {
        "model": "cohere/rerank-v3.5",
        "query": "the capital of France",
        "documents": ["Berlin is large.", "Paris is the capital."],
    },
    "ImagesRequest": {"model": "simulator/image", "prompt": "A lighthouse in fog"},
    "SpeechRequest": {"model": "openai/tts-1", "input": "Hello", "voice": "alloy"},
    "ModerationRequest": {"model": "openai/omni-moderation-latest", "input": "Hello"},
}
"""One that works as it stands, of each body, where the zone serves the model."""
_EVENTS: Final = "text/event-stream"
_JSON: Final = "application/json"


@lru_cache(maxsize=4)
def document(version: str) -> bytes:
    """The whole document, made once."""
    return dumps(
        {
            "openapi": "3.1.0",
            "info": {
                "title": "OpenGateway data API",
                "version": version,
                "description": "One API in front of many model providers: OpenAI's surfaces, and"
                " Anthropic's Messages. What is left out here passes as it came.",
            },
            "servers": [{"url": "/"}],
            "security": [{"bearer": []}, {"api_key": []}],
            "paths": _paths(),
            "components": {
                "schemas": {**ANSWERS, **_request_schemas()},
                "securitySchemes": {
                    "bearer": {"type": "http", "scheme": "bearer", "bearerFormat": "og_live_..."},
                    "api_key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
                },
            },
        }
    )


# --- requests ------------------------------------------------------------------------------------
def _request_schemas() -> Schema:
    found: Schema = {}
    for name, kind in _REQUESTS.items():
        _, parts = msgspec.json.schema_components([kind], ref_template=_PREFIX + "{name}")
        own = {part: _named(name, part, kind) for part in parts}
        for part, schema in parts.items():
            found[own[part]] = _renamed(schema, own)
    return found


def _named(request: str, part: str, kind: type) -> str:
    if part == kind.__name__:
        return request
    return part if part in _SHARED else f"{request.removesuffix('Request')}{part}"


def _renamed(schema: Any, own: dict[str, str]) -> Any:
    """References under the document's names; the types' own titles are left out."""
    if isinstance(schema, str):
        part = schema.removeprefix(_PREFIX)
        return _PREFIX + own[part] if part != schema else schema
    if isinstance(schema, list):
        return [_renamed(one, own) for one in schema]
    if not isinstance(schema, dict):
        return schema
    return {name: _renamed(value, own) for name, value in schema.items() if name != "title"}


# --- paths ---------------------------------------------------------------------------------------
def _paths() -> Schema:
    item = {"name": "response_id", "in": "path", "required": True, "schema": TEXT}
    owner = {"name": "owner", "in": "path", "required": True, "schema": TEXT}
    name = {**owner, "name": "name"}
    page = [
        {"name": part, "in": "query", "required": False, "schema": schema}
        for part, schema in (
            ("limit", {"type": "integer", "minimum": 1, "maximum": 100, "default": 20}),
            ("after", TEXT),
            ("order", {"type": "string", "enum": ["asc", "desc"], "default": "desc"}),
        )
    ]
    wanted = {"name": "id", "in": "query", "required": True, "schema": TEXT}
    responses = "/v1/responses/{response_id}"
    models = "/v1/models/{owner}/{name}"
    return {
        **_asking(),
        responses: {
            "get": _telling("A response that was kept.", "Response", [item]),
            "delete": _telling("Forget a response.", "ResponseDeleted", [item]),
        },
        f"{responses}/input_items": {
            "get": _telling("What led to a response.", "ResponseItems", [item, *page])
        },
        "/v1/models": {"get": _telling("The models that this key may ask.", "Models")},
        models: {"get": _telling("One model.", "Model", [owner, name])},
        f"{models}/endpoints": {
            "get": _telling("Where a model is served.", "Endpoints", [owner, name])
        },
        "/v1/key": {"get": _telling("What this key may do.", "Key")},
        "/v1/credits": {"get": _telling("The team's credit.", "Credits")},
        "/v1/generation": {
            "get": _telling("What became of a request of the team.", "Generation", [wanted])
        },
        "/healthz": {"get": _public("Whether the process lives.", "Health")},
        "/readyz": {"get": _public("Whether it can serve.", "Readiness", "503")},
        "/version": {"get": _public("What runs here.", "Version")},
        "/openapi.json": {"get": _public("This description.")},
    }


def _asking() -> Schema:
    """The surfaces that ask a model for something."""
    rows = (
        ("chat/completions", "One chat completion.", "ChatRequest", "ChatCompletion", "ChatChunk"),
        ("responses", "One response.", "ResponsesRequest", "Response", "ResponseEvent"),
        ("messages", "One message.", "MessagesRequest", "Message", "MessageEvent"),
        ("completions", "Go on with a text.", "CompletionRequest", "Completion", "Completion"),
        ("embeddings", "Vectors of texts.", "EmbeddingsRequest", "Embeddings", ""),
        ("rerank", "Documents by relevance.", "RerankRequest", "Ranking", ""),
        ("images/generations", "Pictures.", "ImagesRequest", "Images", ""),
        ("moderations", "Verdicts on texts.", "ModerationRequest", "Moderation", ""),
    )
    paths = {f"/v1/{path}": {"post": _operation(*row)} for path, *row in rows}
    count = _operation("Tokens of a conversation.", "MessagesRequest", "TokenCount", "")
    paths["/v1/messages/count_tokens"] = {"post": count}
    count = _operation("Tokens of a request to Responses.", "ResponsesRequest", "TokenCount", "")
    paths["/v1/responses/input_tokens"] = {"post": count}
    speech = _operation("Say a text.", "SpeechRequest", "", "")
    sound = {"audio/*": {"schema": {"type": "string", "contentMediaType": "audio/mpeg"}}}
    speech["responses"]["200"] = _answer("The sound.", sound)
    paths["/v1/audio/speech"] = {"post": speech}
    for name in ("transcriptions", "translations"):
        paths[f"/v1/audio/{name}"] = {"post": _of_a_sound()}
    return paths


def _operation(summary: str, request: str, answer: str, event: str) -> Schema:
    content: Schema = {_JSON: {"schema": ref(answer)}} if answer else {}
    if event:
        content[_EVENTS] = {"schema": ref(event)}
    return {
        "summary": summary,
        "tags": ["inference"],
        "parameters": [
            {"name": name, "in": "header", "required": False, "schema": TEXT, "description": what}
            for name, what in _ASK_HEADERS.items()
        ],
        "requestBody": {"required": True, "content": {_JSON: _asked(request)}},
        "responses": {
            "200": _answer("The answer; a stream of events with `stream`.", content),
            **_failures("MessagesError" if request == "MessagesRequest" else "Error"),
        },
    }


def _asked(request: str) -> Schema:
    example = {"example": _EXAMPLES[request]} if request in _EXAMPLES else {}
    return {"schema": ref(request), **example}


def _of_a_sound() -> Schema:
    made = _operation("What is said in a sound, as text.", "TranscriptionRequest", "", "")
    file = {"type": "string", "contentMediaType": "application/octet-stream"}
    form = {
        "allOf": [
            ref("TranscriptionRequest"),
            {"type": "object", "required": ["file"], "properties": {"file": file}},
        ]
    }
    made["requestBody"]["content"] = {"multipart/form-data": {"schema": form}}
    content = {_JSON: {"schema": ref("Transcription")}, "text/plain": {"schema": TEXT}}
    made["responses"]["200"] = _answer("In the form that was asked for.", content)
    return made


def _telling(summary: str, answer: str, parameters: list[Schema] | None = None) -> Schema:
    return {
        "summary": summary,
        "tags": ["account"],
        "parameters": parameters or [],
        "responses": {
            "200": {"description": summary, "content": {_JSON: {"schema": ref(answer)}}},
            **_failures("Error", "401", "403", "404", "503"),
        },
    }


def _public(summary: str, answer: str = "", also: str = "") -> Schema:
    content = {_JSON: {"schema": ref(answer) if answer else {"type": "object"}}}
    told = {"description": summary, "content": content}
    return {
        "summary": summary,
        "tags": ["process"],
        "security": [],
        "responses": {status: told for status in ("200", also) if status},
    }


def _answer(description: str, content: Schema) -> Schema:
    headers = {name: {"description": what, "schema": TEXT} for name, what in _TOLD_HEADERS.items()}
    return {"description": description, "headers": headers, "content": content}


def _failures(schema: str, *statuses: str) -> Schema:
    return {
        status: {
            "description": what,
            "content": {_JSON: {"schema": ref(schema)}},
        }
        for status, what in _STATUSES.items()
        if (not statuses or status in statuses) and (schema != "Error" or status != "529")
    }
