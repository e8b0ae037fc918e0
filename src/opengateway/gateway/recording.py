"""Step 12, `record`: the whole record of a request, as the journal keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from opengateway.domain.chat import ChatRequest
from opengateway.domain.errors import ShownError
from opengateway.domain.principal import Principal
from opengateway.domain.records import CloseRecord, Ending, RequestError, RoutingRecord
from opengateway.gateway.arrival import Arrival
from opengateway.gateway.settlement import Settlement
from opengateway.gateway.state import ExchangeState


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a record is made: the zone and this gateway's incarnation."""

    zone: str
    gateway: str
    snapshot: str
    dialect: str
    lease_id: str = ""


def refusal_record(
    arrival: Arrival,
    principal: Principal,
    origin: Origin,
    error: ShownError,
    *,
    chat: ChatRequest | None,
    total_s: float,
) -> CloseRecord:
    """A request that was turned away before anything was sent for it."""
    return CloseRecord(
        id=arrival.request_id,
        team_id=principal.team_id,
        key_id=principal.key_id,
        zone=origin.zone,
        gateway=origin.gateway,
        snapshot=origin.snapshot,
        started_at_ns=arrival.started_at_ns,
        operation=arrival.operation,
        dialect=origin.dialect,
        stream=chat.stream if chat else False,
        requested_model=chat.model if chat else "",
        ending=Ending.REFUSED,
        status=error.status,
        opened=False,
        error=_error(error),
        overhead_us=int(total_s * 1e6),
        total_ms=total_s * 1e3,
        input_bytes=len(arrival.body),
        client_request_id=arrival.client_request_id,
        session_id=chat.session_id if chat else None,
        user=chat.user if chat else None,
    )


def exchange_record(
    state: ExchangeState,
    origin: Origin,
    ending: Ending,
    status: int,
    settlement: Settlement | None,
    error: ShownError | None,
    total_s: float,
    routing: RoutingRecord | None = None,
) -> CloseRecord:
    """A request that was, or was about to be, sent to a provider."""
    arrival, principal, chat = state.arrival, state.principal, state.chat
    winner, meter = state.winner, state.meter
    usage = settlement.usage if settlement else None
    cost = settlement.cost if settlement else None
    return CloseRecord(
        id=arrival.request_id,
        team_id=principal.team_id,
        key_id=principal.key_id,
        zone=origin.zone,
        gateway=origin.gateway,
        snapshot=origin.snapshot,
        started_at_ns=arrival.started_at_ns,
        operation=arrival.operation,
        dialect=origin.dialect,
        stream=chat.stream,
        requested_model=chat.model,
        ending=ending,
        status=status,
        opened=state.opened,
        model=winner.model.id if winner else None,
        endpoint_id=winner.endpoint.id if winner else None,
        provider=winner.provider.id if winner else None,
        region=winner.endpoint.region if winner else None,
        error=_error(error) if error else None,
        finish_reason=meter.finish_reason,
        native_finish_reason=meter.native_finish_reason,
        usage=usage.quantities if usage else {},
        usage_estimated=usage.estimated if usage else False,
        cost_nanos=settlement.charged if settlement else 0,
        cost_parts=cost.parts if cost else {},
        price_id=cost.price_id if cost else None,
        attempts=state.attempts,
        overhead_us=max(0, int((total_s - state.waited_s) * 1e6)),
        first_token_ms=state.first_token_ms,
        total_ms=total_s * 1e3,
        input_bytes=chat.input_bytes,
        delivered_characters=meter.characters,
        dropped_params=list(state.dropped),
        client_request_id=arrival.client_request_id,
        upstream_id=meter.upstream_id,
        session_id=chat.session_id,
        user=chat.user,
        lease_id=origin.lease_id,
        user_id=principal.user_id,
        provider_cost_nanos=settlement.provider_cost if settlement else 0,
        provider_cost_known=settlement.provider_cost_known if settlement else True,
        fee_nanos=settlement.fee if settlement else 0,
        routing=routing,
    )


def _error(error: ShownError) -> RequestError:
    return RequestError(error.status, error.code, error.message[:1000], error.param)
