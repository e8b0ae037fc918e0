"""What the pipeline is given by the composition root. Nothing here is looked up by name."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from opengateway.domain.catalog import Wire
from opengateway.domain.principal import TeamState
from opengateway.gateway.capture import Bodies
from opengateway.gateway.ceiling import Ceilings
from opengateway.gateway.idempotency import Idempotency
from opengateway.gateway.keepsakes import Keepsakes
from opengateway.gateway.limits import Rates
from opengateway.gateway.pricing import TeamEndpoints
from opengateway.gateway.refused_members import RefusedMembers
from opengateway.gateway.routing.router import Router
from opengateway.kit.client_address import Networks
from opengateway.kit.clock import Clock
from opengateway.kit.ids import NewId
from opengateway.ports.dialect import ChatDialect, RoutingNotes
from opengateway.ports.journal import Journal
from opengateway.ports.keys import KeyAuthenticator
from opengateway.ports.provider import ChatWire
from opengateway.ports.purse import Purse
from opengateway.ports.snapshots import SnapshotSource
from opengateway.ports.tokens import TokenCounter
from opengateway.ports.transport import Credential, UpstreamTransport


@dataclass(frozen=True, slots=True)
class GatewayLimits:
    """`reply_bytes` bounds a whole answer, `head_bytes` what a stream may say before content."""

    body_bytes: int = 32_000_000
    body_idle_s: float = 30.0
    in_flight: int = 10_000
    reply_bytes: int = 64 * 1024 * 1024
    error_bytes: int = 64 * 1024
    head_bytes: int = 1024 * 1024
    keep_alive_s: float = 15.0
    caller_stall_s: float = 120.0


@dataclass(slots=True)
class Gauges:
    """The only numbers that the hot path touches; the rest is derived from the journal."""

    in_flight: int = 0
    refused: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(step, error code) of requests turned away before they were opened."""
    bugs: int = 0
    unpriced: int = 0
    """Requests that used a kind of unit without a price: that part was charged to nobody."""
    unrecorded: int = 0
    """Requests whose record could not be written: nobody was charged for them."""


@dataclass(frozen=True, slots=True)
class GatewayServices:
    zone: str
    gateway_id: str
    snapshots: SnapshotSource
    keys: KeyAuthenticator
    purse: Purse
    journal: Journal
    transport: UpstreamTransport
    wires: Mapping[Wire, ChatWire]
    chat_dialect: ChatDialect
    credentials: Mapping[tuple[str, str], Credential]
    """(provider id, credential name) to the secret, bound to its origin."""
    base_urls: Mapping[str, str]
    """Base URLs that are known only at run time: the bundled simulator's."""
    clock: Clock
    new_id: NewId
    on_bug: Callable[[str, BaseException], None]
    limits: GatewayLimits = GatewayLimits()
    gauges: Gauges = field(default_factory=Gauges)
    refused: RefusedMembers = field(default_factory=RefusedMembers)
    """What endpoints said of members that they do not take."""
    teams: Mapping[str, TeamState] = field(default_factory=dict)
    """The live table of team states, of those of which there is something to know."""
    team_endpoints: TeamEndpoints = field(default_factory=TeamEndpoints)
    ceilings: Ceilings = field(default_factory=Ceilings)
    bills: bool = True
    """Somebody pays: what has no price is not sent (decision 14)."""
    rates: Rates | None = None
    idempotency: Idempotency | None = None
    bodies: Bodies | None = None
    """Listens to requests whose team keeps bodies."""
    keepsakes: Keepsakes | None = None
    """Of a surface whose plain callers cannot carry a model's thoughts."""
    trusted_proxies: Networks = ()
    """Whose `x-forwarded-for` is believed: addresses and networks."""
    router: Router = field(default_factory=Router.in_order)
    """Orders a request's endpoints; by default as plans list them, without chance."""
    routing_notes: RoutingNotes | None = None
    """Shows `debug.routing`, where the dialect has a place for it."""
    tokens: TokenCounter | None = None
    """Counts what a provider left out; without it, that is estimated by ratio."""
