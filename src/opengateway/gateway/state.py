"""What is known of one exchange while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from opengateway.domain.chat import ChatRequest, Meter
from opengateway.domain.principal import Principal
from opengateway.domain.records import AttemptRecord
from opengateway.domain.routing import Candidate, Plan
from opengateway.gateway.arrival import Arrival
from opengateway.gateway.idempotency import Claim
from opengateway.ports.limits import RowSet, Taken


@dataclass(slots=True)
class ExchangeState:
    arrival: Arrival
    principal: Principal
    chat: ChatRequest
    plan: Plan
    meter: Meter = field(default_factory=partial(Meter, kept=None))
    """The winning attempt's, once there is one."""
    before: Meter | None = None
    """What was handed on before a stream broke that another went on with."""
    winner: Candidate | None = None
    attempts: list[AttemptRecord] = field(default_factory=list)
    dropped: tuple[str, ...] = ()
    emulated: tuple[str, ...] = ()
    opened: bool = False
    """The `OpenRecord` is in the journal: something may have been sent."""
    waited_s: float = 0.0
    """Time spent waiting for the provider and for the caller to read."""
    first_token_ms: float | None = None
    rates: RowSet | None = None
    """The limits that the request stands under; None: there are none."""
    taken: Taken | None = None
    """Its place in them."""
    claim: Claim | None = None
    """What its `Idempotency-Key` gave it."""
