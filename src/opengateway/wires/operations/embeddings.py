"""Embeddings on the common wire: OpenAI's, Voyage's, Jina's, TEI's, by their profiles.

Callers get the form that they asked for, whatever the vendor gives (reference: providers, E39).
"""

from __future__ import annotations

from typing import Any, Final

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatReply, ChatRequest, UpstreamCall
from opengateway.domain.errors import InvalidRequest
from opengateway.domain.operations import Operation
from opengateway.kit.json import JsonObject, Raw, RawObject, dumps, loads
from opengateway.wires.openai_chat.error import malformed
from opengateway.wires.operations.members import members_of, path_for, unsupported
from opengateway.wires.operations.metering import read_tokens
from opengateway.wires.operations.vectors import in_form
from opengateway.wires.operations.whole import WholeWire, object_of

_PURPOSES: Final = {
    "document": "search_document",
    "passage": "search_document",
    "query": "search_query",
}
"""Other vendors' words for two of Cohere's four."""


class EmbeddingsWire(WholeWire):
    """`POST /embeddings`."""

    __slots__ = ()

    def request(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
    ) -> UpstreamCall:
        rules = provider.profile.operations
        path = path_for(Operation.EMBEDDINGS, endpoint, provider)
        refuse_many(chat, provider, rules.max_inputs)
        dropped: list[str] = []
        fields = members_of(chat, endpoint, provider, team_id, dropped)
        form = fields.pop("encoding_format", None)
        if form is not None and loads(form) in rules.embedding_formats:
            fields[rules.embedding_format_as] = form
        if rules.dimensions_as != "dimensions" and "dimensions" in fields:
            if not rules.dimensions_as:
                raise unsupported(provider, "dimensions", "leave it out or choose another model")
            fields[rules.dimensions_as] = fields.pop("dimensions")
        self._put_purpose(fields, provider, dropped)
        return UpstreamCall(path, dumps(fields), tuple(dropped))

    def _put_purpose(self, fields: RawObject, provider: Provider, dropped: list[str]) -> None:
        rules = provider.profile.operations
        raw = fields.pop("input_type", None)
        asked = loads(raw) if raw is not None else rules.default_input_type
        if not asked:
            return
        if not rules.input_type_as:
            if raw is not None:
                dropped.append("input_type")
            return
        word = rules.input_types.get(purpose_of(str(asked)), str(asked))
        fields[rules.input_type_as] = Raw(dumps(word))

    def reply(
        self, body: bytes, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatReply:
        answer = object_of(body, provider)
        data = answer.get("data")
        if not isinstance(data, list) or not all(isinstance(item, dict) for item in data):
            raise malformed(provider, "gave an answer without embeddings")
        data.sort(key=_index)
        vectors = [item.get("embedding") for item in data]
        return embeddings_reply(
            vectors, answer.get("usage"), answer.get("id"), (chat, endpoint, provider, model_id)
        )


def purpose_of(word: str) -> str:
    return _PURPOSES.get(word, word)


def refuse_many(chat: ChatRequest, provider: Provider, most: int) -> None:
    """Raises `InvalidRequest` for more texts than the vendor takes at once."""
    count = chat.demand.documents if chat.demand is not None else 0
    if count > most:
        raise InvalidRequest(
            f"input: {provider.id} takes at most {most} texts a request; send {most} at a time",
            param="input",
        )


def embeddings_reply(
    vectors: list[Any],
    reported: object,
    upstream_id: object,
    asked: tuple[ChatRequest, Endpoint, Provider, str],
) -> ChatReply:
    """The caller's answer, vectors in the order of the texts. Raises `UpstreamError`."""
    chat, endpoint, provider, model_id = asked
    count = chat.demand.documents if chat.demand is not None else len(vectors)
    if len(vectors) != count:
        raise malformed(provider, f"gave {len(vectors)} embeddings for {count} texts")
    form = wanted_form(chat)
    try:
        data: list[JsonObject] = [
            {"object": "embedding", "index": at, "embedding": in_form(vector, form)}
            for at, vector in enumerate(vectors)
        ]
    except ValueError as error:
        raise malformed(provider, f"gave an embedding that is {error}") from None
    meter, usage = read_tokens(chat, endpoint, reported, upstream_id)
    answer = {"object": "list", "data": data, "model": model_id, "usage": usage}
    return ChatReply(dumps(answer), meter)


def wanted_form(chat: ChatRequest) -> str:
    raw = chat.fields.get("encoding_format")
    return "base64" if raw is not None and bytes(raw) == b'"base64"' else "float"


def _index(item: JsonObject) -> int:
    index = item.get("index")
    return index if isinstance(index, int) else 0
