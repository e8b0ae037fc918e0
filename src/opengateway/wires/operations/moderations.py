"""Moderations on the common wire: `{id, model, results: [{flagged, categories, ...}]}`."""

from __future__ import annotations

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatReply, ChatRequest, UpstreamCall
from opengateway.domain.operations import Operation
from opengateway.domain.usage import Dimension
from opengateway.kit.json import dumps
from opengateway.wires.openai_chat.error import malformed
from opengateway.wires.operations.members import members_of, path_for
from opengateway.wires.operations.metering import meter_of, priced, read_tokens
from opengateway.wires.operations.whole import WholeWire, made_id, object_of


class ModerationsWire(WholeWire):
    """`POST /moderations`."""

    __slots__ = ()

    def request(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
    ) -> UpstreamCall:
        dropped: list[str] = []
        fields = members_of(chat, endpoint, provider, team_id, dropped)
        path = path_for(Operation.MODERATIONS, endpoint, provider)
        return UpstreamCall(path, dumps(fields), tuple(dropped))

    def reply(
        self, body: bytes, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatReply:
        answer = object_of(body, provider)
        results = answer.get("results")
        if not isinstance(results, list) or not all(isinstance(r, dict) for r in results):
            raise malformed(provider, "gave an answer without results")
        for result in results:
            categories = result.get("categories")
            if not isinstance(result.get("flagged"), bool):  # Mistral tells the categories alone
                hits = categories.values() if isinstance(categories, dict) else ()
                result["flagged"] = any(hit is True for hit in hits)
        if Dimension.REQUESTS in endpoint.price.rates:
            meter = meter_of(priced(endpoint, requests=1), answer.get("id"))
        else:
            meter, _ = read_tokens(chat, endpoint, answer.get("usage"), answer.get("id"))
        answer["id"] = meter.upstream_id or made_id("modr-", body)
        answer["model"] = model_id
        return ChatReply(dumps(answer), meter)
