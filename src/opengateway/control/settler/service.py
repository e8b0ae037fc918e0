"""Turns journal bytes that gateways push into records, once each (decision 7).

The protocol: a gateway names a segment and the offset from which it sends. Bytes are taken only at
the offset up to which the segment was consumed before; any other is answered with that offset, so
a lost answer costs one more round and nothing is taken twice. Records, open requests and the
offset are one transaction, and records are known by their id besides.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec

from opengateway.control.keys.repository import KeyRepository
from opengateway.control.scope import ControlScope
from opengateway.control.settler.metrics import SettlerMetrics
from opengateway.control.settler.repository import JournalRepository
from opengateway.domain.errors import CallerError
from opengateway.domain.records import (
    CloseRecord,
    Ending,
    JournalRecord,
    OpenRecord,
    RequestError,
)
from opengateway.kit import framing
from opengateway.kit.log import get_logger

_decode: Final = msgspec.msgpack.Decoder(JournalRecord).decode
_BATCH: Final = 500
"""Records handled between two looks at other work of the process."""
LAST_USED_STEP_NS: Final = 60 * 1_000_000_000
"""A key's last use is written once a minute at most."""
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

    def __init__(self, scope: ControlScope, metrics: SettlerMetrics) -> None:
        self._journal = JournalRepository(scope.session)
        self._keys = KeyRepository(scope.session)
        self._log = scope.event_log
        self._scope = scope
        self._metrics = metrics

    async def take(self, push: Push) -> Taken:
        """Consume the whole frames at the start of `push`.

        Raises `OutOfPlace`, and `JournalDamaged` when the push begins with damage. Damage further
        on is not an error yet: what stands before it is consumed, and the next push begins there.
        A damaged push is never `final`; the gateway ends it with an empty one.
        """
        now_ns = self._scope.clock.now_ns()
        gateway = await self._journal.gateway(push.gateway, now_ns)
        acked = await self._journal.acked(push.gateway, push.segment)
        if push.offset != acked:
            self._metrics.refused("resent")
            raise OutOfPlace(acked)
        records, consumed, damage = read_records(push.body)
        if damage is not None and consumed == 0:
            self._metrics.refused("damaged")
            log.error(
                "journal damaged; the gateway keeps the file",
                gateway=push.gateway,
                segment=push.segment,
                offset=push.offset,
                damage=damage,
            )
            raise JournalDamaged(f"segment {push.segment!r} at {push.offset}: {damage}")
        fresh: list[CloseRecord] = []
        for at in range(0, len(records), _BATCH):
            fresh += await self._settle(push.gateway, records[at : at + _BATCH])
        await self._journal.set_acked(push.gateway, push.segment, acked + consumed)
        if push.offset == 0:
            await self._journal.forget_segments(push.gateway, KEPT_SEGMENTS)
        gateway.last_seen_ns = now_ns
        voids: list[CloseRecord] = []
        final = push.final and damage is None
        if final:
            voids = await self._void_what_is_open(push.gateway)
            gateway.finished_at_ns = gateway.finished_at_ns or now_ns
            gateway.voided += len(voids)
            await self._journal.forget_finished(KEPT_GATEWAYS)
        self._scope.after_commit(lambda: self._metrics.acked(consumed, fresh + voids, now_ns))
        return Taken(acked=acked + consumed, final=final, voided=len(voids))

    async def _settle(self, gateway: str, records: Sequence[JournalRecord]) -> list[CloseRecord]:
        """Book one batch. Return the closes that were new."""
        closes = {r.id: r for r in records if isinstance(r, CloseRecord)}
        opens = [r for r in records if isinstance(r, OpenRecord) and r.id not in closes]
        if opens:
            # A redelivery after the bookkeeping was dropped must not open what has ended.
            unknown = await self._log.unknown([r.id for r in opens])
            await self._journal.add_open(gateway, [r for r in opens if r.id in unknown])
        if not closes:
            return []
        unknown = await self._log.unknown(list(closes))
        fresh = [record for record in closes.values() if record.id in unknown]
        await self._log.ingest(fresh)
        await self._journal.remove_open([r.id for r in closes.values() if r.opened])
        used: dict[str, int] = {}
        for record in fresh:
            used[record.key_id] = max(used.get(record.key_id, 0), record.started_at_ns)
        if used:
            await self._keys.mark_used(used, at_least_ns=LAST_USED_STEP_NS)
        return fresh

    async def _void_what_is_open(self, gateway: str) -> list[CloseRecord]:
        voids: list[CloseRecord] = []
        while batch := await self._journal.open_of(gateway, _BATCH):
            made = [void_of(record, self._scope.zone, gateway) for record in batch]
            unknown = await self._log.unknown([r.id for r in made])
            fresh = [record for record in made if record.id in unknown]
            await self._log.ingest(fresh)
            await self._journal.remove_open([record.id for record in batch])
            voids += fresh
        if voids:
            log.warning("requests void: their gateway died", gateway=gateway, count=len(voids))
        return voids


def read_records(body: bytes) -> tuple[list[JournalRecord], int, str | None]:
    """The records at the start of `body`, how many bytes they take, and what is wrong after them.

    Nothing is wrong with a frame that is cut short: the rest of it comes with the next push.
    """
    damage: str | None = None
    try:
        frames, consumed = framing.scan(body)
    except framing.CorruptFrame as error:
        damage = str(error.args[0])
        frames, consumed = framing.scan(memoryview(body)[: error.args[1]])
    records: list[JournalRecord] = []
    at = 0
    for payload in frames:
        try:
            records.append(_decode(payload))
        except msgspec.DecodeError as error:
            # Whole, but not a record of ours: written by another version, or by nobody of us.
            return records, at, f"a record at offset {at} cannot be read: {error}"
        at += framing.HEAD_BYTES + len(payload)
    return records, consumed, damage


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
        error=RequestError(
            status=0,
            code="gateway_died",
            message="the gateway stopped before the end of this request was written",
        ),
    )
