"""`POST /v2/embed`: texts in, vectors by type out. It must be told what they are for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatReply, ChatRequest, UpstreamCall
from opengateway.domain.errors import UpstreamError
from opengateway.kit.json import JsonObject, dumps, loads
from opengateway.wires.cohere.error import error_of_status
from opengateway.wires.openai_chat.error import malformed
from opengateway.wires.operations.embeddings import (
    embeddings_reply,
    purpose_of,
    refuse_many,
    wanted_form,
)
from opengateway.wires.operations.members import unsupported
from opengateway.wires.operations.metering import details
from opengateway.wires.operations.whole import WholeWire, object_of

PATH: Final = "/v2/embed"
MAX_TEXTS: Final = 96
DEFAULT_PURPOSE: Final = "search_document"
"""OpenAI's callers cannot say: most texts that are embedded are to be found."""
_PASSED: Final = ("truncate", "max_tokens", "priority")
_READ: Final = frozenset(
    ("model", "input", "encoding_format", "dimensions", "input_type", "user", "stream", *_PASSED)
)


class CohereEmbedWire(WholeWire):
    __slots__ = ()

    def request(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
    ) -> UpstreamCall:
        refuse_many(chat, provider, MAX_TEXTS)
        if chat.demand is not None and chat.demand.tokens:
            raise unsupported(provider, "input", "send texts, not tokens")
        fields = {n: raw for n, raw in chat.fields.items() if bytes(raw) != b"null"}
        given = loads(fields["input"])
        purpose = fields.get("input_type")
        body: JsonObject = {
            "model": endpoint.upstream_model,
            "texts": [given] if isinstance(given, str) else given,
            "input_type": purpose_of(str(loads(purpose))) if purpose else DEFAULT_PURPOSE,
            "embedding_types": [wanted_form(chat)],
        }
        if "dimensions" in fields:
            body["output_dimension"] = fields["dimensions"]
        body |= {name: fields[name] for name in _PASSED if name in fields}
        dropped = [name for name in fields if name not in _READ]
        dropped += ("user",) if "user" in fields else ()
        return UpstreamCall(PATH, dumps(body), tuple(dropped))

    def reply(
        self, body: bytes, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatReply:
        answer = object_of(body, provider)
        by_type = details(answer, "embeddings")
        vectors = by_type.get(wanted_form(chat), by_type.get("float"))
        if not isinstance(vectors, list):
            raise malformed(provider, "gave an answer without embeddings")
        billed = details(details(answer, "meta"), "billed_units")
        reported = {"prompt_tokens": billed.get("input_tokens")}
        asked = (chat, endpoint, provider, model_id)
        return embeddings_reply(vectors, reported, answer.get("id"), asked)

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, provider: Provider
    ) -> UpstreamError:
        return error_of_status(status, headers, body, provider)
