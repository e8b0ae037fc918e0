"""What one request of the control plane may use. Slices build their services from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, cast

from fastapi import Depends, Request

from opengateway.kit.clock import Clock
from opengateway.kit.db import AsyncSession
from opengateway.kit.ids import NewId
from opengateway.ports.event_log import EventLog


@dataclass(frozen=True, slots=True)
class Pepper:
    """The secret under which key digests are made, and its number (decision 24)."""

    version: int
    secret: bytes = field(repr=False)


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
    after_commit: Callable[[Callable[[], None]], None]


async def _of_request(request: Request) -> ControlScope:
    return cast(ControlScope, request.state.scope)


Scope = Annotated[ControlScope, Depends(_of_request)]
