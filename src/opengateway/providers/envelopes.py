"""Claude where a cloud serves it: Messages, in the envelope of that cloud.

The body is the maker's own but for the model, which the address names, and a version. On Vertex AI
the stream is the maker's; on Bedrock its events come one by one in binary frames.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from opengateway.domain.canonical import CanonicalRequest, Document, Image, ToolResult
from opengateway.domain.catalog import Endpoint, Provider
from opengateway.domain.chat import UpstreamCall
from opengateway.domain.errors import InvalidRequest, UpstreamError
from opengateway.domain.events import Event, Failure
from opengateway.kit.event_stream import Decoder, Message
from opengateway.kit.json import JsonObject, Raw, dumps, loads, loads_raw_object
from opengateway.wires.anthropic.betas import HEADER as BETAS
from opengateway.wires.anthropic.betas import Features
from opengateway.wires.anthropic.stream import EVENT_LIMIT_BYTES, AnthropicStreamParser
from opengateway.wires.anthropic.wire import AnthropicWire
from opengateway.wires.bedrock.error import error_in_stream
from opengateway.wires.bedrock.error import error_of_status as bedrock_error_of_status
from opengateway.wires.gemini.error import error_of_status as google_error_of_status
from opengateway.wires.openai_chat.error import malformed
from opengateway.wires.spread_marks import spread

_VERTEX_VERSION: Final = Raw(b'"vertex-2023-10-16"')
_BEDROCK_VERSION: Final = Raw(b'"bedrock-2023-05-31"')
_VERTEX_PATH: Final = "/publishers/anthropic/models/{model}"
_BEDROCK_PATH: Final = "/model/{model}"
_VERSION: Final = "anthropic-version"


def _enveloped(call: UpstreamCall, version: Raw, *without: str) -> dict[str, Raw]:
    members = loads_raw_object(call.body)
    kept = {name: raw for name, raw in members.items() if name not in ("model", *without)}
    return {"anthropic_version": version, **kept}


class ClaudeOnVertex(AnthropicWire):
    """rawPredict and streamRawPredict. See `ports.translation.CanonicalWire`. Holds no state."""

    __slots__ = ()

    def request(
        self, request: CanonicalRequest, endpoint: Endpoint, provider: Provider
    ) -> UpstreamCall:
        _refuse_addresses(request, provider)
        call = super().request(spread(request), endpoint, provider)
        path = (provider.profile.operation_path or _VERTEX_PATH).replace(
            "{model}", quote(endpoint.upstream_model, safe="@")
        )
        headers = {name: value for name, value in call.headers.items() if name != _VERSION}
        body: JsonObject = dict(_enveloped(call, _VERTEX_VERSION))
        features = Features(request, provider)
        features.tidy(body)
        if names := features.names(headers.get(BETAS, "")):
            headers[BETAS] = ",".join(names)
        return msgspec.structs.replace(
            call,
            path=f"{path}:streamRawPredict" if request.stream else f"{path}:rawPredict",
            body=dumps(body),
            headers=headers,
            dropped=(*call.dropped, *features.dropped),
        )

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, provider: Provider
    ) -> UpstreamError:
        """The maker's words for the model's trouble; Google's for keys, quotas and places."""
        if _is_the_makers(body):
            return super().error(status, headers, body, provider)
        return google_error_of_status(status, headers, body, provider)


class ClaudeOnBedrock(AnthropicWire):
    """InvokeModel and InvokeModelWithResponseStream. Holds no state."""

    __slots__ = ()

    def request(
        self, request: CanonicalRequest, endpoint: Endpoint, provider: Provider
    ) -> UpstreamCall:
        _refuse_addresses(request, provider)
        call = super().request(spread(request), endpoint, provider)
        body: JsonObject = dict(_enveloped(call, _BEDROCK_VERSION, "stream"))
        features = Features(request, provider)
        features.tidy(body)
        if names := features.names(call.headers.get(BETAS, "")):
            body["anthropic_beta"] = names
        path = _BEDROCK_PATH.replace("{model}", quote(endpoint.upstream_model, safe=""))
        operation = "/invoke-with-response-stream" if request.stream else "/invoke"
        return msgspec.structs.replace(
            call,
            path=path + operation,
            body=dumps(body),
            headers=_bedrock_headers(request.stream),
            dropped=(*call.dropped, *features.dropped),
        )

    def parser(self, endpoint: Endpoint, provider: Provider) -> FramedParser:
        return FramedParser(provider)

    def error(
        self, status: int, headers: Mapping[str, str], body: bytes, provider: Provider
    ) -> UpstreamError:
        return bedrock_error_of_status(status, headers, body, provider)


def _refuse_addresses(request: CanonicalRequest, provider: Provider) -> None:
    """No cloud fetches an image or a file for its models. Raises `InvalidRequest`."""
    for turn in request.turns:
        for item in turn.items:
            for part in item.content if isinstance(item, ToolResult) else (item,):
                if isinstance(part, Image | Document) and part.data is None:
                    address = part.url if isinstance(part, Image) else part.url or part.file_id
                    raise InvalidRequest(
                        f"messages: {provider.id} does not fetch {(address or '')[:80]!r}; send "
                        "the data itself, as base64",
                        param="messages",
                    )


def _bedrock_headers(stream: bool) -> dict[str, str]:
    return {"accept": "application/vnd.amazon.eventstream"} if stream else {}


class FramedParser(AnthropicStreamParser):
    """Messages' events, each in a frame `{"bytes": base64}`. See `ports.translation.StreamParser`."""

    __slots__ = ("_failed", "_frames", "_provider")

    def __init__(self, provider: Provider) -> None:
        super().__init__(provider)
        self._frames = Decoder(EVENT_LIMIT_BYTES)
        self._provider = provider
        self._failed = False

    def feed(self, chunk: bytes) -> list[Event]:
        events: list[Event] = []
        if self._failed:
            return events
        frames, fault = self._frames.take(chunk)
        for frame in frames:
            if not self._failed:
                events += self._unwrapped(frame)
        if fault is not None:
            events += self._fail(malformed(self._provider, f"sent {fault}"))
        return events

    def end(self) -> list[Event]:
        return [] if self._failed else super().end()

    def _unwrapped(self, frame: Message) -> Sequence[Event]:
        if frame.text(":message-type") in ("exception", "error"):
            return self._fail(error_in_stream(frame, self._provider))
        try:
            told = loads(frame.payload)
            data = base64.b64decode(told["bytes"], validate=True)
        except (ValueError, RecursionError, KeyError, TypeError):
            return self._fail(malformed(self._provider, "sent a frame that holds no event"))
        # JSON has no line break that is not escaped: one event is one line.
        return super().feed(b"data: " + data.replace(b"\n", b" ") + b"\n\n")

    def _fail(self, error: UpstreamError) -> list[Event]:
        """After the answer's end nothing is missed."""
        was_over, self._failed = self.is_over or self._failed, True
        return [] if was_over else [Failure(error)]


def _is_the_makers(body: bytes) -> bool:
    try:
        document = loads(body)
    except (ValueError, RecursionError):
        return False
    return isinstance(document, dict) and document.get("type") == "error"
