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

from opengateway.domain.chat import ChatRequest
from opengateway.domain.errors import CallerError, CapacityError, GatewayError, NotAllowed
from opengateway.domain.principal import KeyKind, Principal
from opengateway.gateway.arrival import Arrival
from opengateway.gateway.exchange import Exchange
from opengateway.gateway.presentation import present
from opengateway.gateway.recording import Origin, refusal_record
from opengateway.gateway.resolve import plan_chat
from opengateway.gateway.services import GatewayServices
from opengateway.gateway.state import ExchangeState
from opengateway.ports.caller import Caller


class StepFailed(Exception):
    """A request that ended before an exchange began. `step` is a name of the list above."""

    def __init__(self, step: str, error: GatewayError) -> None:
        super().__init__(step)
        self.step = step
        self.error = error


def authenticate(services: GatewayServices, headers: dict[str, str], *, use: KeyKind) -> Principal:
    """Step 2. Raises `StepFailed` with 401, 403 (a key of the other kind) or 503."""
    try:
        principal = services.keys.authenticate(presented_secret(headers))
        if principal.kind is not use:
            raise NotAllowed(
                f"this is a {principal.kind.value} key; {use.value} keys are made for this",
                code="wrong_key_kind",
            )
    except (CallerError, CapacityError) as error:
        raise StepFailed("authenticate", error) from None
    return principal


def presented_secret(headers: dict[str, str]) -> str:
    """The secret of `Authorization: Bearer ...`; empty when there is none."""
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else ""


async def serve_chat(
    services: GatewayServices, arrival: Arrival, principal: Principal, caller: Caller
) -> None:
    """Steps 3 to 12. Raises `StepFailed` for what is refused before an exchange begins."""
    chat: ChatRequest | None = None
    step = "decode"
    try:
        chat = services.chat_dialect.decode(arrival.body, arrival.headers)
        step = "resolve"
        plan = plan_chat(chat, principal, services.snapshots.current())
        step = "admit"
        _admit(services)
    except (CallerError, CapacityError) as error:
        _record_refusal(services, arrival, principal, chat, error)
        raise StepFailed(step, error) from None
    state = ExchangeState(arrival, principal, chat, plan)
    await Exchange(services, state, caller).run()


def _admit(services: GatewayServices) -> None:
    """Step 5, for this process: a bound on what runs at once, and a journal that takes records."""
    if services.gauges.in_flight >= services.limits.in_flight:
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
                Origin(services.zone, services.gateway_id, version),
                present(error, arrival.request_id),
                chat=chat,
                total_s=services.clock.monotonic() - arrival.accepted_at,
            )
        )
    except CapacityError:
        services.gauges.unrecorded += 1
