"""What one request of the control plane may use. Slices build their services from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Protocol, cast

from fastapi import Depends, Request

from opengateway.control.actor import Actor
from opengateway.control.identity.tools import SignInTools
from opengateway.control.selling import Selling
from opengateway.domain.neighbours import NOBODY, Neighbours
from opengateway.kit.clock import Clock
from opengateway.kit.db import AsyncSession
from opengateway.kit.ids import NewId
from opengateway.ports.event_log import EventLog
from opengateway.ports.ledger_book import LedgerBook
from opengateway.ports.mail import Mailer
from opengateway.ports.secret_box import SecretBox


@dataclass(frozen=True, slots=True)
class Pepper:
    """The secret under which key digests are made, and its number (decision 24)."""

    version: int
    secret: bytes = field(repr=False)


class AuditTrail(Protocol):
    """Notes a deed in the transaction of the deed (`control/audit`).

    `before` and `after` are plain values without secrets, addresses of people, or floats.
    """

    async def __call__(
        self,
        actor: Actor,
        action: str,
        *,
        object_id: str | None = None,
        before: Any = None,
        after: Any = None,
        team_id: str | None = None,
        reason: str | None = None,
    ) -> None: ...


@dataclass(frozen=True, slots=True)
class ControlScope:
    """One request's unit of work, and the few things of the process that every slice may use.

    The edge owns the transaction (`http/unit_of_work.py`): it commits before a good answer leaves,
    then runs what was given to `after_commit`, in order. Nothing inside commits.
    """

    session: AsyncSession
    event_log: EventLog
    clock: Clock
    new_id: NewId
    pepper: Pepper
    zone: str
    mail: Mailer
    """Whether the zone sends mail (`.sends`). What is to be sent goes to `control/mail/outbox.py`."""
    secret_box: SecretBox
    ledger: LedgerBook
    billing: bool
    """Whether requests are held for and charged; else they are priced and logged alone."""
    sign_in: SignInTools
    after_commit: Callable[[Callable[[], None]], None]
    audit: AuditTrail
    selling: Selling = field(default_factory=Selling)
    neighbours: Neighbours = NOBODY


async def _of_request(request: Request) -> ControlScope:
    return cast(ControlScope, request.state.scope)


Scope = Annotated[ControlScope, Depends(_of_request)]
