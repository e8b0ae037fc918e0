"""The wire itself: one object for all who speak it. What differs is in the profile."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from opengateway.domain.canonical import CanonicalRequest
from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import UpstreamCall
from opengateway.domain.errors import UpstreamError
from opengateway.domain.events import Event
from opengateway.wires.bedrock.error import error_of_status
from opengateway.wires.bedrock.request import upstream_call
from opengateway.wires.bedrock.stream import ConverseStreamParser, whole_answer


class BedrockWire:
    """`/model/{id}/converse` and `/converse-stream`. See `ports.translation.CanonicalWire`.

    Holds no state.
    """

    __slots__ = ()

    def request(
        self, request: CanonicalRequest, endpoint: Endpoint, provider: Provider
    ) -> UpstreamCall:
        return upstream_call(request, endpoint, provider)

    def reply(self, body: bytes, endpoint: Endpoint, provider: Provider) -> Sequence[Event]:
        return whole_answer(body, endpoint, provider)

    def parser(self, endpoint: Endpoint, provider: Provider) -> ConverseStreamParser:
        return ConverseStreamParser(endpoint, provider)

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, provider: Provider
    ) -> UpstreamError:
        return error_of_status(status, headers, body, provider)
