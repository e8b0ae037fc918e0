"""Step 7, `attempt`: calling candidates in order until one answers.

The only place that decides to fail over. It ends before the first content leaves: after that
(step 8, `commit`) nothing is tried elsewhere.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from opengateway.domain.catalog import Routing
from opengateway.domain.chat import ChatReply, UpstreamCall
from opengateway.domain.errors import ErrorClass, InvalidRequest, UpstreamError
from opengateway.domain.records import AttemptRecord
from opengateway.domain.routing import Candidate
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

    def open(self, candidate: Candidate) -> None:
        """Hold and write the `OpenRecord`, the first time. Nothing is sent before it."""
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


async def first_answer(owner: Owner) -> Answer:
    """The first answer of the plan's candidates.

    Raises the last `UpstreamError`, or `InvalidRequest` when no candidate can do what is asked.
    """
    state = owner.state
    unable: InvalidRequest | None = None
    last: _Failure | None = None
    for candidate in state.plan.candidates:
        if len(state.attempts) >= owner.routing.max_attempts:
            break
        if last is not None and not last.allows(candidate):
            continue
        try:
            call = owner.services.wires[candidate.provider.wire].request(
                state.chat, candidate.endpoint, candidate.provider, state.principal.team_id
            )
        except InvalidRequest as error:
            unable = unable or error  # this vendor cannot; the next one may
            continue
        for _ in range(2):  # in one place, once more at most, where the error's class allows it
            if len(state.attempts) >= owner.routing.max_attempts:
                break
            try:
                answer = await _attempt(owner, candidate, call)
            except UpstreamError as error:
                last = _Failure(candidate, error, _sooner(last, error))
                if not ERROR_POLICIES[error.error_class].same_endpoint:
                    break
            else:
                state.winner = candidate
                state.dropped = call.dropped
                return answer
    if last is not None:
        last.error.retry_after_s = last.retry_after_s
        raise last.error
    assert unable is not None, "a plan is never empty"
    raise unable


@dataclass(frozen=True, slots=True)
class _Failure:
    candidate: Candidate
    error: UpstreamError
    retry_after_s: float | None
    """The soonest that any of the failed endpoints named."""

    def allows(self, other: Candidate) -> bool:
        """Whether the policy lets the request go to `other` after this failure."""
        policy = ERROR_POLICIES[self.error.error_class]
        if other.fallback_rank != self.candidate.fallback_rank:
            return policy.next_model
        if policy.next_endpoint == "larger":
            return other.endpoint.context > self.candidate.endpoint.context
        return policy.next_endpoint


def _sooner(last: _Failure | None, error: UpstreamError) -> float | None:
    if last is None or last.retry_after_s is None:
        return error.retry_after_s
    if error.retry_after_s is None:
        return last.retry_after_s
    return min(last.retry_after_s, error.retry_after_s)


async def _attempt(owner: Owner, candidate: Candidate, call: UpstreamCall) -> Answer:
    """One try of one endpoint, recorded whatever happens. Raises `UpstreamError`."""
    record = AttemptRecord(
        endpoint_id=candidate.endpoint.id,
        provider=candidate.provider.id,
        region=candidate.endpoint.region,
        upstream_model=candidate.endpoint.upstream_model,
        credential=candidate.credential or "",
        started_ms=owner.elapsed_ms(),
    )
    owner.open(candidate)
    state = owner.state
    state.attempts.append(record)
    owner.watch.arm(_first_token_limit(owner, candidate), Interruption.FIRST_TOKEN)
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
        _record_failure(record, error)
        raise
    finally:
        record.ended_ms = owner.elapsed_ms()
        state.waited_s += (record.ended_ms - sent_ms) / 1e3
    record.status = "succeeded"
    return answer


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
        services.base_urls.get(provider.id, provider.base_url) + call.path,
        call.body,
        headers,
        services.credentials.get((provider.id, candidate.credential or "")),
        owner.routing.connect_s,
    )


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
    # A whole body. Where a stream was asked for it can only be an error told with status 200:
    # `reply` raises what it says, and a real answer is of the wrong form.
    body = await response.read(services.limits.reply_bytes)
    reply = wire.reply(body, state.chat, candidate.endpoint, provider, candidate.model.id)
    if state.chat.stream:
        raise UpstreamError(
            ErrorClass.MALFORMED, "the provider answered a streaming request with a whole body"
        )
    state.meter = reply.meter
    record.upstream_id = reply.meter.upstream_id
    return WholeAnswer(reply)


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
