"""What a gateway and the ledger say to each other about leases. Amounts in nano-dollars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class LeaseAsk(msgspec.Struct, frozen=True):
    """`least` is granted or refused, more up to `amount`. The same `ask_id` is granted once, however
    often it is sent. `lease_id`: the lease to be topped up, where that can be."""

    ask_id: str
    key_id: str
    lease_id: str | None
    amount: int
    least: int


class Refusal(msgspec.Struct, frozen=True):
    code: str
    message: str
    row: str = ""
    available_nanos: int | None = None


class LeaseAnswer(msgspec.Struct, frozen=True):
    """`direct`: little is left; what a request does not use is to be returned at its close.

    `available_nanos`: what the team has besides its leases. After `ends_at_ns` no new hold may be put
    on the lease: a budget's period is over.
    """

    ask_id: str
    refused: Refusal | None = None
    lease_id: str = ""
    granted: int = 0
    expires_at_ns: int = 0
    ends_at_ns: int | None = None
    available_nanos: int = 0
    promo_only: bool = False
    direct: bool = False


class LeaseReturn(msgspec.Struct, frozen=True):
    """`seq` grows with every return of one lease, so that a repetition is known as one.
    `closed`: nothing more is spent of the lease than what the journal tells already."""

    lease_id: str
    amount: int
    closed: bool
    seq: int


class Renewal(msgspec.Struct, frozen=True):
    """`gone`: no new hold may be put on these."""

    expires_at_ns: int
    gone: tuple[str, ...] = ()


class LeaseClient(Protocol):
    """The ledger, as far as a gateway sees it. Everything raises `ControlUnreachable` when no
    answer came in time; what was sent may have been done all the same."""

    async def take(self, asks: Sequence[LeaseAsk]) -> Sequence[LeaseAnswer]: ...

    async def give_back(self, returns: Sequence[LeaseReturn]) -> None: ...

    async def renew(self, lease_ids: Sequence[str]) -> Renewal: ...
