"""Turns journal bytes that gateways push into records, once each (decision 7).

The protocol: a gateway names a segment and the offset from which it sends. Bytes are taken only at
the offset up to which the segment was consumed before; any other is answered with that offset, so
a lost answer costs one more round and nothing is taken twice. Records, open requests and the
offset are one transaction, and records are known by their id besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, NoReturn

import msgspec

from opengateway.control.keys.uses import KeyUses
from opengateway.control.scope import ControlScope
from opengateway.control.settler.booking import Booking
from opengateway.control.settler.metrics import SettlerMetrics
from opengateway.control.settler.reading import JournalReader
from opengateway.control.settler.repository import Bookkeeping, JournalRepository
from opengateway.control.settler.tally import Tally
from opengateway.domain.errors import CallerError
from opengateway.domain.records import CloseRecord, Ending, OpenRecord, RequestError
from opengateway.kit.log import get_logger
from opengateway.ports.ledger_book import Charge

_TOGETHER: Final = 256
"""Records handled at a time: enough that statements are cheap, few enough to stay in the cache."""
KEPT_GATEWAYS: Final = 1_000
KEPT_SEGMENTS: Final = 1_000
_UNKNOWN: Final = "unknown"

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Push:
    """Bytes of one segment from `offset` on. `final`: the gateway is dead, these are its last."""

    gateway: str
    segment: str
    offset: int
    final: bool
    body: bytes = field(repr=False)

    @property
    def place(self) -> str:
        """Names it once for ever: the bytes there are settled once."""
        return f"{self.gateway}/{self.segment}/{self.offset}"


class Taken(msgspec.Struct, frozen=True):
    """`acked`: the offset after the last whole frame; what lies behind it is not ours yet."""

    acked: int
    final: bool = False
    """The gateway is finished: its open requests are void, `voided` of them by this push."""
    voided: int = 0


class OutOfPlace(Exception):
    """The bytes do not begin where the segment's consumed part ends."""

    def __init__(self, expected: int) -> None:
        super().__init__(f"expected offset {expected}")
        self.expected = expected


class JournalDamaged(CallerError):
    """The bytes at the push's start are no record. Sending them again cannot help."""

    status = 422
    code = "journal_damaged"


class Settler:
    """Settles one push in the caller's transaction."""

    def __init__(self, scope: ControlScope, metrics: SettlerMetrics, uses: KeyUses) -> None:
        self._journal = JournalRepository(scope.session)
        self._log = scope.event_log
        self._scope = scope
        self._metrics = metrics
        self._uses = uses
        self._booking = Booking(scope)

    async def take(self, push: Push) -> Taken:
        """Consume the whole frames at the start of `push`.

        Raises `OutOfPlace`, and `JournalDamaged` when the push begins with damage. Damage further
        on is not an error yet: what stands before it is consumed, and the next push begins there.
        A damaged push is never `final`; the gateway ends it with an empty one.
        """
        now_ns = self._scope.clock.now_ns()
        acked = await self._journal.acked(push.gateway, push.segment)
        if push.offset != acked:
            self._metrics.refused("resent")
            raise OutOfPlace(acked)
        reader, tally = (
            JournalReader(push.body),
            Tally(self._metrics.operators, keeps=self._metrics.trace is not None),
        )
        opened, ended = await self._settle(push, reader, tally)
        if reader.damage is not None and reader.consumed == 0:
            self._refuse_damaged(push, reader.damage)
        booked = Bookkeeping(push.gateway, push.segment, acked, reader.consumed, opened, ended)
        if not await self._journal.book(booked, now_ns):
            self._metrics.refused("resent")
            raise OutOfPlace(await self._journal.acked(push.gateway, push.segment))
        if push.offset == 0:
            await self._journal.forget_segments(push.gateway, KEPT_SEGMENTS)
        voided = 0
        final = push.final and reader.damage is None
        if final:
            voided = await self._void_what_is_open(push, tally)
            await self._booking.finish(push.gateway)
            await self._journal.finish(push.gateway, voided, now_ns)
            await self._journal.forget_finished(KEPT_GATEWAYS)
        await self._uses.note(self._scope, tally.used)
        self._scope.after_commit(lambda: self._metrics.acked(reader.consumed, tally, now_ns))
        return Taken(acked=acked + reader.consumed, final=final, voided=voided)

    async def _settle(
        self, push: Push, reader: JournalReader, tally: Tally
    ) -> tuple[Sequence[OpenRecord], Sequence[str]]:
        """Book the records. Return what is open after them, and the ids that are no longer."""
        opens: dict[str, OpenRecord] = {}
        ended: list[str] = []
        charges: list[Charge] = []
        while records := reader.next(_TOGETHER):
            closes: list[CloseRecord] = []
            for record in records:
                if type(record) is OpenRecord:
                    opens[record.id] = record
                else:
                    assert type(record) is CloseRecord
                    closes.append(record)
                    # Most requests open and close within one push: those never stand as open.
                    if record.opened and opens.pop(record.id, None) is None:
                        ended.append(record.id)
            charges += await self._log_new(closes, tally)
        await self._booking.book(charges, push.place)
        if opens:
            # A redelivery after the bookkeeping was dropped must not open what has ended.
            unknown = await self._log.unknown(list(opens))
            opens = {key: record for key, record in opens.items() if key in unknown}
        return list(opens.values()), ended

    async def _log_new(self, closes: Sequence[CloseRecord], tally: Tally) -> list[Charge]:
        """Log and count what is new of `closes`. Return what is to be booked of it."""
        fresh = await self._log.ingest(closes)
        tally.add(fresh)
        return self._booking.charges_of(fresh)

    def _refuse_damaged(self, push: Push, damage: str) -> NoReturn:
        self._metrics.refused("damaged")
        log.error(
            "journal damaged; the gateway keeps the file",
            gateway=push.gateway,
            segment=push.segment,
            offset=push.offset,
            damage=damage,
        )
        raise JournalDamaged(f"segment {push.segment!r} at {push.offset}: {damage}")

    async def _void_what_is_open(self, push: Push, tally: Tally) -> int:
        gateway, before = push.gateway, tally.voids
        charges: list[Charge] = []
        while batch := await self._journal.open_of(gateway, _TOGETHER):
            made = [void_of(record, self._scope.zone, gateway) for record in batch]
            charges += await self._log_new(made, tally)
            await self._journal.remove_open([record.id for record in batch])
        await self._booking.book(charges, f"{push.place}/void")
        voided = tally.voids - before
        if voided:
            log.warning("requests void: their gateway died", gateway=gateway, count=voided)
        return voided


def void_of(opened: OpenRecord, zone: str, gateway: str) -> CloseRecord:
    """What is kept of a request whose gateway died: nothing is charged for it."""
    return CloseRecord(
        id=opened.id,
        team_id=opened.team_id,
        key_id=opened.key_id,
        zone=zone,
        gateway=gateway,
        snapshot=_UNKNOWN,
        started_at_ns=opened.started_at_ns,
        operation=_UNKNOWN,
        dialect=_UNKNOWN,
        stream=False,
        requested_model=opened.model,
        ending=Ending.VOID,
        status=0,
        opened=True,
        model=opened.model,
        endpoint_id=opened.endpoint_id,
        price_id=opened.price_id,
        lease_id=opened.lease_id,
        user_id=opened.user_id,
        # What the provider did before the end is not known.
        provider_cost_known=False,
        error=RequestError(
            status=0,
            code="gateway_died",
            message="the gateway stopped before the end of this request was written",
        ),
    )
