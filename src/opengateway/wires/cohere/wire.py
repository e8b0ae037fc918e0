"""The chat wire itself: one object for all requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opengateway.domain.canonical import CanonicalRequest
from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import UpstreamCall
from opengateway.domain.errors import UpstreamError
from opengateway.domain.events import Event
from opengateway.wires.cohere.error import error_of_status
from opengateway.wires.cohere.request import upstream_call
from opengateway.wires.cohere.stream import CohereStreamParser, whole_answer


class CohereWire:
    """`POST /v2/chat`. See `ports.translation.CanonicalWire`. Holds no state."""

    __slots__ = ()

    def request(
        self, request: CanonicalRequest, endpoint: Endpoint, provider: Provider
    ) -> UpstreamCall:
        return upstream_call(request, endpoint, provider)

    def reply(self, body: bytes, endpoint: Endpoint, provider: Provider) -> Sequence[Event]:
        return whole_answer(body, provider)

    def parser(self, endpoint: Endpoint, provider: Provider) -> CohereStreamParser:
        return CohereStreamParser(provider)

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, provider: Provider
    ) -> UpstreamError:
        return error_of_status(status, headers, body, provider)
