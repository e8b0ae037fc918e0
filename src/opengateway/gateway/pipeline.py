"""A chat completion in twelve named steps. This list is the whole path of a request.

 1. `accept`        http/data_app     match the route, read the body within its bound
 2. `authenticate`  KeyAuthenticator  secret -> principal, from the replicated key table
 3. `decode`        dialects          body -> ChatRequest, or an error that names the member
 4. `resolve`       gateway/resolve   model -> candidates of the snapshot in force
 5. `admit`         here, exchange    room in this process; hold in the purse; OPEN in the journal
 6. `route`         gateway/resolve   candidates in order: preference, priority
 7. `attempt`       gateway/attempts  candidate by candidate until one answers, bounded
 8. `commit`        gateway/relay     first content is here: status and headers leave; no way back
 9. `relay`         gateway/relay     whole events to the caller; the meter counts
10. `close`         gateway/relay     the provider is let go, whatever happened
11. `settle`        gateway/settlement  usage -> cost, by how it ended; what the provider left out
                                      is counted before (gateway/counting) or estimated
12. `record`        gateway/recording   CLOSE in the journal before the last byte leaves

Log lines and metrics carry these names.
"""

from __future__ import annotations

from dataclasses import replace

from opengateway.domain.catalog import Snapshot
from opengateway.domain.chat import ChatRequest
from opengateway.domain.errors import (
    CallerError,
    CapacityError,
    GatewayError,
    InvalidRequest,
    NotAllowed,
)
from opengateway.domain.principal import KeyKind, Principal
from opengateway.domain.routing import Plan
from opengateway.gateway.access import check_access
from opengateway.gateway.arrival import Arrival
from opengateway.gateway.exchange import Exchange
from opengateway.gateway.idempotency import HEADER as IDEMPOTENCY_KEY
from opengateway.gateway.idempotency import Idempotency, Replay
from opengateway.gateway.limits import Rates
from opengateway.gateway.presentation import present
from opengateway.gateway.pricing import may_be_unpriced, unpriced
from opengateway.gateway.recording import Origin, refusal_record
from opengateway.gateway.resolve import plan_chat
from opengateway.gateway.routing.waiting import SHED_FROM, is_shed, priority_of
from opengateway.gateway.services import GatewayServices
from opengateway.gateway.state import ExchangeState
from opengateway.kit.client_address import client_address
from opengateway.ports.caller import Caller
from opengateway.ports.limits import RowSet


class StepFailed(Exception):
    """A request that ended before an exchange began. `step` is a name of the list above."""

    def __init__(self, step: str, error: GatewayError) -> None:
        super().__init__(step)
        self.step = step
        self.error = error


def authenticate(
    services: GatewayServices, headers: dict[str, str], peer: str, *, use: KeyKind
) -> Principal:
    """Step 2. Raises `StepFailed` with 401, 503, or 403: a key of the other kind, not from this
    address (`peer` is the connection's), a frozen team."""
    try:
        principal = services.keys.authenticate(presented_secret(headers))
        if principal.kind is not use:
            raise NotAllowed(
                f"this is a {principal.kind.value} key; {use.value} keys are made for this",
                code="wrong_key_kind",
            )
        team = services.teams.get(principal.team_id)
        if team is not None or principal.ips:
            forwarded = headers.get("x-forwarded-for", "")
            address = client_address(peer, (forwarded,), services.trusted_proxies)
            check_access(principal, address, team)
    except (CallerError, CapacityError) as error:
        raise StepFailed("authenticate", error) from None
    return principal


def presented_secret(headers: dict[str, str]) -> str:
    """The secret of `Authorization: Bearer ...`, else of `x-api-key`; empty when there is none."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and (secret := secret.strip()):
        return secret
    return headers.get("x-api-key", "").strip()


async def serve_chat(
    services: GatewayServices, arrival: Arrival, principal: Principal, caller: Caller
) -> None:
    """Steps 3 to 12. Raises `StepFailed` for what is refused before an exchange begins."""
    chat: ChatRequest | None = None
    step = "decode"
    try:
        chat = services.chat_dialect.decode(arrival.body, arrival.headers)
        step = "resolve"
        snapshot = services.snapshots.current()
        plan = priced(services, chat, principal, plan_chat(chat, principal, snapshot), snapshot)
        if services.keepsakes is not None:
            chat = await services.keepsakes.restored(principal.team_id, chat, plan)
        step = "admit"
        _admit(services, principal)
        state = ExchangeState(arrival, principal, chat, plan)
        if services.rates is not None:
            state.rates = services.rates.rows(principal)
            if state.rates is not None:
                await _take_place(services.rates, state, state.rates)
        if services.idempotency is not None and IDEMPOTENCY_KEY in arrival.headers:
            replay = await _claim(services, services.idempotency, state)
            if replay is not None:
                await _answer_again(caller, replay)
                return
    except (CallerError, CapacityError) as error:
        _record_refusal(services, arrival, principal, chat, error)
        raise StepFailed(step, error) from None
    await Exchange(services, state, caller).run()


def priced(
    services: GatewayServices,
    chat: ChatRequest,
    principal: Principal,
    plan: Plan,
    snapshot: Snapshot,
) -> Plan:
    """The plan at the team's own prices, without the candidates that have no price for something
    that the request could use (decision 14). Raises `InvalidRequest` if that leaves none."""
    team_id = principal.team_id
    refuses = services.bills and may_be_unpriced(chat, plan)
    if not refuses and team_id not in snapshot.team_prices:
        return plan  # nearly always
    problem: str | None = None
    kept = []
    for candidate in plan.candidates:
        told = unpriced(chat, candidate.endpoint, candidate.provider) if refuses else None
        if told is None:
            kept.append(candidate)
        problem = problem or told
    if problem is not None and not kept:
        raise InvalidRequest(problem, code="unpriced_feature")
    if team_id in snapshot.team_prices:
        of = services.team_endpoints.of
        kept = [replace(c, endpoint=of(snapshot, team_id, c.model.id, c.endpoint)) for c in kept]
    elif problem is None:
        return plan
    context = min(c.endpoint.context for c in kept)
    return replace(plan, candidates=tuple(kept), least_context=context, kept=False)


async def _take_place(rates: Rates, state: ExchangeState, rows: RowSet) -> None:
    """Step 5, for the key's, its member's and the team's limits. Raises `RateLimited`."""
    endpoint = state.plan.candidates[0].endpoint
    state.taken = rates.take(rows, state.chat, endpoint)
    if state.taken is None:
        state.taken = await rates.secure(rows, state.chat, endpoint)


async def _claim(
    services: GatewayServices, idempotency: Idempotency, state: ExchangeState
) -> Replay | None:
    """The same request sent again is not done again. Gives the place back unless it may go on."""
    goes_on = False
    try:
        found = await idempotency.begin(state.principal, state.arrival)
        if isinstance(found, Replay):
            return found
        state.claim = found
        goes_on = True
        return None
    finally:
        if not goes_on and state.taken is not None and services.rates is not None:
            services.rates.release(state.taken)


async def _answer_again(caller: Caller, replay: Replay) -> None:
    lines = (b"%b: %b\r\n" % pair for pair in replay.headers if pair[0] != b"content-length")
    caller.start(replay.status, b"".join(lines))
    await caller.write(replay.body, last=True)


def _admit(services: GatewayServices, principal: Principal) -> None:
    """Step 5, for this process: a bound on what runs at once, which those of low priority meet first,
    and a journal that takes records."""
    running, most = services.gauges.in_flight, services.limits.in_flight
    if running >= most * SHED_FROM and is_shed(priority_of(principal), running, most):
        raise CapacityError(
            "the gateway serves as many requests as it can; try again in a moment",
            code="gateway_busy",
            retry_after_s=1.0,
        )
    if not services.journal.accepts_new_work:
        raise CapacityError(
            "the gateway cannot record new requests now; try again later",
            code="journal_full",
            retry_after_s=10.0,
        )


def _record_refusal(
    services: GatewayServices,
    arrival: Arrival,
    principal: Principal,
    chat: ChatRequest | None,
    error: GatewayError,
) -> None:
    """An authenticated request that was refused is in the team's log too. Best effort: it is free
    of charge, and a full disk must not turn a 400 into something else."""
    try:
        version = services.snapshots.current().version
    except CapacityError:
        version = ""
    try:
        services.journal.close(
            refusal_record(
                arrival,
                principal,
                Origin(services.zone, services.gateway_id, version, services.chat_dialect.name),
                present(error, arrival.request_id),
                chat=chat,
                total_s=services.clock.monotonic() - arrival.accepted_at,
            )
        )
    except CapacityError:
        services.gauges.unrecorded += 1
