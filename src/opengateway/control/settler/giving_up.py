"""A gateway whose disk is lost: what it held open never ends by itself, so a person ends it."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select

from opengateway.control.scope import ControlScope
from opengateway.control.settler.booking import Booking
from opengateway.control.settler.models import JournalGateway
from opengateway.control.settler.repository import JournalRepository
from opengateway.control.settler.service import void_of
from opengateway.domain.errors import Conflict, NotFound
from opengateway.kit.db import Turn, take_turn
from opengateway.kit.log import get_logger

SILENT_NS: Final = 24 * 3600 * 10**9
_TOGETHER: Final = 256

log = get_logger(__name__)


async def give_up(scope: ControlScope, gateway: str) -> int:
    """Void what a gateway holds open that was not heard of for a day. How many requests that were.

    Nothing is charged for them, and what its journal may still tell of them later is our loss. Its
    leases end by themselves. Raises `NotFound`, `Conflict`.
    """
    await take_turn(scope.session, Turn.JOURNAL)
    found = await scope.session.scalar(
        select(JournalGateway)
        .where(JournalGateway.gateway == gateway)
        .execution_options(populate_existing=True)
    )
    if found is None:
        raise NotFound(f"there is no gateway {gateway[:64]!r}", param="gateway_id")
    now_ns = scope.clock.now_ns()
    if found.finished_at_ns is not None:
        raise Conflict("its journal was read to its end; there is nothing to give up")
    if found.last_seen_ns > now_ns - SILENT_NS:
        raise Conflict("it was heard of within the last 24 hours, and may come back")
    journal, booking, voided = JournalRepository(scope.session), Booking(scope), 0
    while batch := await journal.open_of(gateway, _TOGETHER):
        fresh = await scope.event_log.ingest([void_of(r, scope.zone, gateway) for r in batch])
        await booking.book(booking.charges_of(fresh), f"{gateway}/given-up/{batch[0].id}")
        await journal.remove_open([record.id for record in batch])
        voided += len(fresh)
    await journal.finish(gateway, voided, now_ns)
    log.warning("journal_given_up", gateway=gateway, voided=voided)
    return voided
