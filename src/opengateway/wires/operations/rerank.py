"""Rerank on the common wire, in its three shapes, and the one shape that callers get.

`results` (Cohere's first, Jina, vLLM, Infinity): `{results: [{index, relevance_score}]}`. `data`
(Voyage): the same in `data`, and `top_k`. `scores` (TEI): `texts` in, a bare list of `{index, score}`.
Documents are put into the answer here, for vendors that send them back and for those that do not.
"""

from __future__ import annotations

from typing import Any, Final

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatReply, ChatRequest, Meter, UpstreamCall
from opengateway.domain.operations import Operation
from opengateway.domain.usage import Dimension, Usage
from opengateway.kit.json import JsonObject, Raw, dumps, loads
from opengateway.wires.openai_chat.error import malformed
from opengateway.wires.operations.members import members_of, path_for
from opengateway.wires.operations.metering import count, details, estimated_tokens, first, priced
from opengateway.wires.operations.whole import WholeWire, answer_of, made_id

_TRUE: Final = b"true"


class RerankWire(WholeWire):
    """`POST /rerank`."""

    __slots__ = ()

    def request(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
    ) -> UpstreamCall:
        dropped: list[str] = []
        fields = members_of(chat, endpoint, provider, team_id, dropped)
        fields.pop("return_documents", None)
        if fields.pop("user", None) is not None:  # no vendor's rerank knows one
            dropped.append("user")
        shape = provider.profile.operations.rerank
        if shape == "data" and "top_n" in fields:
            fields["top_k"] = fields.pop("top_n")
        elif shape == "scores":
            query, documents = fields["query"], fields["documents"]
            dropped += (name for name in fields if name not in _SCORED)
            fields = {"query": query, "texts": documents, "truncate": Raw(_TRUE)}
        path = path_for(Operation.RERANK, endpoint, provider)
        return UpstreamCall(path, dumps(fields), tuple(dropped))

    def reply(
        self, body: bytes, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatReply:
        answer = answer_of(body, provider)
        told = answer if isinstance(answer, dict) else {}
        results = answer if isinstance(answer, list) else told.get("results", told.get("data"))
        return rerank_reply(results, told, body, (chat, endpoint, provider, model_id))


_SCORED: Final = frozenset(("query", "documents", "model", "top_n"))


def rerank_reply(
    results: Any,
    told: JsonObject,
    body: bytes,
    asked: tuple[ChatRequest, Endpoint, Provider, str],
) -> ChatReply:
    """The best first, as many as were asked for. Raises `UpstreamError`."""
    chat, endpoint, provider, model_id = asked
    documents = loads(chat.fields["documents"])
    ranked = _ranked(results, len(documents), provider)
    ranked.sort(key=lambda pair: -pair[1])
    top = chat.fields.get("top_n")
    ranked = ranked[: count(loads(top)) or None] if top is not None else ranked
    shown: list[JsonObject] = [{"index": at, "relevance_score": score} for at, score in ranked]
    wants = chat.fields.get("return_documents")
    if wants is not None and bytes(wants) == _TRUE:
        for result in shown:
            result["document"] = {"text": documents[result["index"]]}
    meter = _meter(told, chat, endpoint)
    usage = meter.usage or Usage()
    answer: JsonObject = {
        "id": meter.upstream_id or made_id("rerank-", body),
        "object": "list",
        "model": model_id,
        "results": shown,
        "usage": {"total_tokens": usage.of(Dimension.INPUT)},
    }
    if units := usage.of(Dimension.REQUESTS):
        answer["meta"] = {"billed_units": {"search_units": units}}
    return ChatReply(dumps(answer), meter)


def _ranked(results: Any, documents: int, provider: Provider) -> list[tuple[int, float]]:
    if not isinstance(results, list):
        raise malformed(provider, "gave an answer without results")
    ranked: list[tuple[int, float]] = []
    for result in results:
        told = result if isinstance(result, dict) else {}
        at, score = told.get("index"), told.get("relevance_score", told.get("score"))
        is_score = isinstance(score, int | float)
        if type(at) is not int or not 0 <= at < documents or not is_score:
            raise malformed(provider, "gave a result without an index of a document, or a score")
        ranked.append((at, float(score or 0)))
    if len({at for at, _ in ranked}) < len(ranked):
        raise malformed(provider, "ranked a document twice")
    return ranked


def _meter(told: JsonObject, chat: ChatRequest, endpoint: Endpoint) -> Meter:
    """Search units where these are billed, else tokens."""
    reported = details(told, "usage")
    billed = details(details(told, "meta"), "billed_units")
    tokens = first(reported, "total_tokens", "prompt_tokens") or first(
        billed, "input_tokens", "total_tokens"
    )
    demand = chat.demand
    units = first(billed, "search_units") or 1
    quantities = priced(
        endpoint,
        requests=units,
        documents=demand.documents if demand is not None else 0,
        input_tokens=tokens,
    )
    is_guess = Dimension.INPUT in endpoint.price.rates and not tokens
    if is_guess or not quantities:
        quantities[Dimension.INPUT] = tokens or estimated_tokens(chat, endpoint)
    identifier = told.get("id")
    return Meter(
        usage=Usage(quantities, estimated=is_guess),
        upstream_id=identifier if isinstance(identifier, str) and identifier else None,
        has_content=True,
        kept=None,
    )
