"""`POST /v2/rerank`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import ChatReply, ChatRequest, UpstreamCall
from opengateway.domain.errors import UpstreamError
from opengateway.kit.json import RawObject, dumps
from opengateway.wires.cohere.error import error_of_status
from opengateway.wires.operations.members import members_of
from opengateway.wires.operations.rerank import rerank_reply
from opengateway.wires.operations.whole import WholeWire, object_of

PATH: Final = "/v2/rerank"
_KNOWN: Final = ("model", "query", "documents", "top_n", "max_tokens_per_doc", "priority")


class CohereRerankWire(WholeWire):
    __slots__ = ()

    def request(
        self, chat: ChatRequest, endpoint: Endpoint, provider: Provider, team_id: str
    ) -> UpstreamCall:
        dropped: list[str] = []
        fields = members_of(chat, endpoint, provider, team_id, dropped)
        fields.pop("return_documents", None)  # they are put into the answer here
        body: RawObject = {name: fields[name] for name in _KNOWN if name in fields}
        dropped += (name for name in fields if name not in _KNOWN)
        return UpstreamCall(PATH, dumps(body), tuple(dropped))

    def reply(
        self, body: bytes, chat: ChatRequest, endpoint: Endpoint, provider: Provider, model_id: str
    ) -> ChatReply:
        answer = object_of(body, provider)
        asked = (chat, endpoint, provider, model_id)
        return rerank_reply(answer.get("results"), answer, body, asked)

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, provider: Provider
    ) -> UpstreamError:
        return error_of_status(status, headers, body, provider)
