"""One attempt: one candidate is called, and read until its first content or its failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Protocol

from opengateway.domain.chat import ChatReply, UpstreamCall
from opengateway.domain.errors import ErrorClass, UpstreamError
from opengateway.domain.records import AttemptRecord
from opengateway.domain.routing import Candidate, Choice
from opengateway.domain.routing_rules import Routing
from opengateway.gateway.concealing import conceal
from opengateway.gateway.routing.route import Route
from opengateway.gateway.routing.spots import Spot
from opengateway.gateway.routing.ticket import Ticket
from opengateway.gateway.services import GatewayServices
from opengateway.gateway.state import ExchangeState
from opengateway.gateway.watch import Interruption, Watch
from opengateway.policies.errors import ERROR_POLICIES
from opengateway.ports.provider import ChatStream, ChatWire
from opengateway.ports.transport import UpstreamRequest, UpstreamResponse

_WHOLE_HEADERS = {"content-type": "application/json", "accept": "application/json"}
_STREAM_HEADERS = {"content-type": "application/json", "accept": "text/event-stream"}


class Owner(Protocol):
    """What an attempt needs of the exchange that it belongs to."""

    services: GatewayServices
    state: ExchangeState
    watch: Watch
    routing: Routing

    def open(self, candidate: Candidate) -> Awaitable[None] | None:
        """Hold and write the `OpenRecord`, the first time. Nothing is sent before it.

        What it returns has to be awaited: money that is not at hand has to be asked for.
        """
        ...

    def explain(self, cancelled: asyncio.CancelledError) -> UpstreamError:
        """What interrupted the attempt. Raises what is not an attempt's business."""
        ...

    def elapsed_ms(self) -> float: ...


@dataclass(frozen=True, slots=True)
class WholeAnswer:
    reply: ChatReply


@dataclass(frozen=True, slots=True)
class BegunStream:
    """A stream whose first content is here. `head` is what the caller gets first."""

    response: UpstreamResponse
    stream: ChatStream
    head: bytes


Answer = WholeAnswer | BegunStream


async def attempt(
    owner: Owner, route: Route, spot: Spot, why: Choice, call: UpstreamCall
) -> Answer:
    """One try of one endpoint, recorded whatever happens.

    Raises `UpstreamError`, and `CapacityError` where it had no room, or nothing could be held.
    """
    candidate = spot.candidate
    try:
        ticket = await route.enter(spot, why, owner.watch.deadline_left_s)
    except asyncio.CancelledError as cancelled:
        raise owner.explain(cancelled) from None
    try:
        answer = await _sent(owner, route, ticket, candidate, why, call)
    except UpstreamError as error:
        route.failed(error)
        raise
    except BaseException:
        route.release()
        raise
    return answer


async def _sent(
    owner: Owner,
    route: Route,
    ticket: Ticket,
    candidate: Candidate,
    why: Choice,
    call: UpstreamCall,
) -> Answer:
    record = AttemptRecord(
        endpoint_id=candidate.endpoint.id,
        provider=candidate.provider.id,
        region=candidate.endpoint.region,
        upstream_model=candidate.endpoint.upstream_model,
        credential=candidate.credential or "",
        started_ms=owner.elapsed_ms(),
        why=why.value,
    )
    if (opening := owner.open(candidate)) is not None:
        await _opened(owner, opening)
    state = owner.state
    state.attempts.append(record)
    limit_s = route.first_token_limit_s(
        ticket, _first_token_limit(owner, candidate), reasoning=candidate.endpoint.reasoning
    )
    owner.watch.arm(limit_s, Interruption.FIRST_TOKEN)
    request = _request_of(owner, candidate, call)
    sent_ms = owner.elapsed_ms()
    try:
        response = await owner.services.transport.send(request)
        record.first_byte_ms = owner.elapsed_ms()
        record.upstream_status = response.status
        try:
            answer = await _read_answer(owner, candidate, response, record)
        except BaseException:
            # Whatever is left of a failed answer is not worth waiting for.
            response.abort()
            raise
        # The connection is let go on every way out but the one that hands it on.
        if isinstance(answer, WholeAnswer):
            await response.release()
    except asyncio.CancelledError as cancelled:
        record.error_class = "interrupted"  # unless it was one of the clocks
        error = owner.explain(cancelled)
        _record_failure(record, error)
        raise error from None
    except UpstreamError as error:
        conceal(error, request.credential)
        _record_failure(record, error)
        raise
    finally:
        record.ended_ms = owner.elapsed_ms()
        state.waited_s += (record.ended_ms - sent_ms) / 1e3
    record.status = "succeeded"
    route.answered(response.headers)
    return answer


async def _opened(owner: Owner, opening: Awaitable[None]) -> None:
    """Raises what stands against it, and what interrupted the wait."""
    owner.watch.arm(owner.watch.deadline_left_s, Interruption.DEADLINE)
    try:
        await opening
    except asyncio.CancelledError as cancelled:
        raise owner.explain(cancelled) from None


def _record_failure(record: AttemptRecord, error: UpstreamError) -> None:
    record.error_class = error.error_class.value
    record.error_code = ERROR_POLICIES[error.error_class].code
    record.error_message = (error.detail or error.message)[:500]
    record.upstream_status = error.upstream_status or record.upstream_status


def _first_token_limit(owner: Owner, candidate: Candidate) -> float:
    chat, routing = owner.state.chat, owner.routing
    if chat.first_token_timeout_s is not None:
        return chat.first_token_timeout_s
    if not chat.stream:
        return routing.first_token_unary_s
    if candidate.endpoint.reasoning:
        return routing.first_token_reasoning_s
    return routing.first_token_stream_s


def _request_of(owner: Owner, candidate: Candidate, call: UpstreamCall) -> UpstreamRequest:
    services, provider = owner.services, candidate.provider
    headers = _STREAM_HEADERS if owner.state.chat.stream else _WHOLE_HEADERS
    if provider.headers or call.headers:
        headers = {**headers, **provider.headers, **call.headers}
    return UpstreamRequest(
        _base_url(services, candidate) + call.path,
        call.body,
        headers,
        services.credentials.get((provider.id, candidate.credential or "")),
        owner.routing.connect_s,
    )


def _base_url(services: GatewayServices, candidate: Candidate) -> str:
    provider = candidate.provider
    bundled = services.base_urls.get(provider.id)
    return bundled or candidate.endpoint.base_url or provider.base_url


async def _read_answer(
    owner: Owner, candidate: Candidate, response: UpstreamResponse, record: AttemptRecord
) -> Answer:
    services, state, provider = owner.services, owner.state, candidate.provider
    wire = services.wires[provider.wire]
    if response.status >= 300:
        body = await response.read(services.limits.error_bytes)
        await response.release()  # an error's connection is as good as any
        raise wire.error(response.status, response.headers, body, provider)
    streamed = state.chat.stream and "json" not in response.headers.get("content-type", "")
    if streamed:
        return await _begin_stream(owner, candidate, response, wire)
    # A whole body. Where a stream was asked for it is an answer that the vendor cannot stream, which
    # the stream's reader takes, or an error told with status 200: `reply` raises what it says.
    body = await response.read(services.limits.reply_bytes)
    if state.chat.stream and (begun := _stream_of(owner, candidate, response, wire, body)):
        return begun
    reply = wire.reply(body, state.chat, candidate.endpoint, provider, candidate.model.id)
    if state.chat.stream:
        raise UpstreamError(
            ErrorClass.MALFORMED, "the provider answered a streaming request with a whole body"
        )
    state.meter = reply.meter
    record.upstream_id = reply.meter.upstream_id
    return WholeAnswer(reply)


def _stream_of(
    owner: Owner, candidate: Candidate, response: UpstreamResponse, wire: ChatWire, body: bytes
) -> BegunStream | None:
    """A whole answer as the stream that was asked for; None for what is none."""
    state = owner.state
    stream = wire.stream(state.chat, candidate.endpoint, candidate.provider, candidate.model.id)
    head = stream.feed(body) + stream.end()
    if stream.error is not None or not stream.done or stream.meter.finish_reason is None:
        return None
    state.meter = stream.meter
    return BegunStream(response, stream, head)


async def _begin_stream(
    owner: Owner, candidate: Candidate, response: UpstreamResponse, wire: ChatWire
) -> BegunStream:
    """Read until the first content or a clean end; what comes before it waits in `head`."""
    state, limits = owner.state, owner.services.limits
    stream = wire.stream(state.chat, candidate.endpoint, candidate.provider, candidate.model.id)
    head = b""
    while True:
        data = await response.chunk()
        head += stream.feed(data) if data else stream.end()
        if stream.meter.has_content:
            break
        if stream.error is not None:
            raise stream.error
        if stream.done:
            if stream.meter.finish_reason is None:
                raise UpstreamError(ErrorClass.MALFORMED, "the provider's stream holds no answer")
            break
        if len(head) > limits.head_bytes:
            raise UpstreamError(
                ErrorClass.MALFORMED, f"no content within the first {limits.head_bytes} bytes"
            )
    state.meter = stream.meter
    return BegunStream(response, stream, head)
