"""The wire itself: one object for all who speak it. What differs is in the profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opengateway.domain.canonical import CanonicalRequest
from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import UpstreamCall
from opengateway.domain.errors import UpstreamError
from opengateway.domain.events import Event
from opengateway.wires.openai_chat.error import error_of_status
from opengateway.wires.openai_responses.request import upstream_call
from opengateway.wires.openai_responses.stream import ResponsesParser, whole_answer


class OpenAIResponsesWire:
    """`POST /responses`. See `ports.translation.CanonicalWire`. Holds no state."""

    __slots__ = ()

    def request(
        self, request: CanonicalRequest, endpoint: Endpoint, provider: Provider
    ) -> UpstreamCall:
        return upstream_call(request, endpoint, provider)

    def reply(self, body: bytes, endpoint: Endpoint, provider: Provider) -> Sequence[Event]:
        return whole_answer(body, provider)

    def parser(self, endpoint: Endpoint, provider: Provider) -> ResponsesParser:
        return ResponsesParser(provider)

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, provider: Provider
    ) -> UpstreamError:
        return error_of_status(status, headers, body, provider)
