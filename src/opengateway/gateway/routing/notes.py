"""What gateways tell each other of health, and what one keeps over a restart: small, bounded notes.

A note holds states, not events: one that is lost is made good by the next, a second later. Times go
as seconds left, with the wall clock of the sender, so that monotonic clocks need not agree.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from opengateway.gateway.routing.breaker import RETRY_AFTER_CAP_S, Breaker
from opengateway.gateway.routing.health import Health
from opengateway.gateway.routing.health_table import HealthTable
from opengateway.gateway.routing.spending import SpentRow
from opengateway.policies.health import RestKind, Scope

TOLD: Final = 200
TOLD_BACK_S: Final = 10.0
"""How long others are told that something is in again."""
KEPT_BREAKERS: Final = 2_000
KEPT_CELLS: Final = 5_000
MAX_BYTES: Final = 4 * 1024 * 1024
_SURE: Final = 10.0
"""So many successes of our own lately: another gateway's trouble may be its own network's."""
_OWN_NEWS_S: Final = 10.0
_PARTS: Final = {
    Scope.ENDPOINT: 4,
    Scope.REGION: 2,
    Scope.CREDENTIAL: 2,
    Scope.QUOTA: 3,
    Scope.MODEL: 2,
}
_MAX_NAME: Final = 300


class BreakerNote(msgspec.Struct, array_like=True):
    scope: Scope
    key: tuple[str, ...]
    left_s: float
    kind: RestKind
    reason: str
    openings: float


class CellNote(msgspec.Struct, array_like=True):
    key: tuple[str, str, str, str]
    good: float
    bad: float
    first: list[float]
    whole: list[float]
    pace: list[float]


class HealthNote(msgspec.Struct):
    at_ns: int
    out: list[BreakerNote] = []
    back: list[tuple[Scope, tuple[str, ...]]] = []
    cells: list[CellNote] = []
    who: str = ""
    spent: list[SpentRow] = []


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(HealthNote).decode


def told(table: HealthTable, now: float, wall_ns: int) -> bytes:
    """For other gateways: what this one found out or back by itself."""
    own = [b for b in table.breakers() if b.out and not b.heard and b.until > now]
    own.sort(key=lambda b: -b.until)
    back = [
        (b.scope, b.key)
        for b in table.breakers()
        if not b.out and 0 <= now - b.changed_at < TOLD_BACK_S
    ]
    return _encode(
        HealthNote(
            wall_ns,
            _notes(own[:TOLD], now),
            back[:TOLD],
            who=table.who,
            spent=table.spending.told()[:TOLD],
        )
    )


def hear(table: HealthTable, note: bytes, now: float, wall_ns: int) -> bool:
    """Take another gateway's note. False where it cannot be read: then nothing was changed."""
    found = _read(note)
    if found is None:
        return False
    age_s = min(max((wall_ns - found.at_ns) / 1e9, 0.0), 60.0)
    if found.who and found.who != table.who:
        table.spending.hear(found.who[:40], found.spent)
    for entry in found.out[:TOLD]:
        left_s = min(entry.left_s, RETRY_AFTER_CAP_S) - age_s
        breaker = table.known_breaker(entry.scope, entry.key)
        if breaker is not None and left_s > 0 and _believes(breaker, entry, now):
            table.hear_out(breaker, now, left_s, entry.kind, entry.reason[:40])
    for scope, key in found.back[:TOLD]:
        breaker = table.known_breaker(scope, key)
        if breaker is not None:
            breaker.half_open(now)
    return True


def _believes(breaker: Breaker, entry: BreakerNote, now: float) -> bool:
    """A provider's word (wait; this credential is refused) holds for all. A fault may lie on the
    way from that gateway: our own fresh and good experience outweighs it."""
    if entry.kind is not RestKind.FAULT:
        return True
    if not breaker.out and now - breaker.changed_at < _OWN_NEWS_S:
        return False
    return not any(cell.good >= _SURE and not cell.bad for cell in breaker.cells)


def kept(table: HealthTable, now: float, wall_ns: int) -> bytes:
    """For this gateway's own next start: what is out, and what was measured."""
    out = sorted((b for b in table.breakers() if b.out), key=lambda b: -b.until)
    cells = sorted(table.cells.values(), key=lambda cell: -cell.used_at)[:KEPT_CELLS]
    return _encode(
        HealthNote(
            wall_ns,
            _notes(out[:KEPT_BREAKERS], now),
            [],
            [_cell_note(c) for c in cells],
            table.who,
            table.spending.told(),
        )
    )


def restore(table: HealthTable, note: bytes, now: float, wall_ns: int) -> bool:
    """Take up what `kept` gave. False where it cannot be read.

    A refused credential is tried at once: a restart is how a new one is put in.
    """
    found = _read(note)
    if found is None:
        return False
    if found.who:
        table.who = found.who[:40]
        table.spending.restore(found.spent)
    passed_s = max((wall_ns - found.at_ns) / 1e9, 0.0)
    for entry in found.cells[:KEPT_CELLS]:
        cell = table.at(entry.key, now)
        cell.first.restore(entry.first)
        cell.whole.restore(entry.whole)
        cell.pace.restore(entry.pace)
        if passed_s < 60:
            cell.add_seen(entry.good, entry.bad, now)
    for out in found.out[:KEPT_BREAKERS]:
        breaker = table.known_breaker(out.scope, out.key)
        if breaker is None:
            continue
        left_s = min(out.left_s, RETRY_AFTER_CAP_S) - passed_s
        if out.kind is RestKind.CREDENTIAL:
            left_s = 0.0
        if left_s > 0 or out.kind is not RestKind.REST:
            table.hear_out(breaker, now, max(left_s, 0.0), out.kind, out.reason[:40], own=True)
            breaker.openings = min(max(out.openings, 0.0), 16.0)
    return True


def _read(note: bytes) -> HealthNote | None:
    if len(note) > MAX_BYTES:
        return None
    try:
        found = _decode(note)
    except (msgspec.DecodeError, RecursionError):
        return None
    sound = all(_is_sound(entry.scope, entry.key) for entry in found.out) and all(
        _is_sound(scope, key) for scope, key in found.back
    )
    return found if sound else None


def _is_sound(scope: Scope, key: tuple[str, ...]) -> bool:
    return len(key) == _PARTS.get(scope) and all(len(part) <= _MAX_NAME for part in key)


def _notes(breakers: Iterable[Breaker], now: float) -> list[BreakerNote]:
    return [
        BreakerNote(b.scope, b.key, max(0.0, b.until - now), b.kind, b.reason, b.openings)
        for b in breakers
    ]


def _cell_note(cell: Health) -> CellNote:
    provider, region, credential, model = cell.key
    return CellNote(
        (provider, region, credential, model),
        cell.good,
        cell.bad,
        cell.first.state(),
        cell.whole.state(),
        cell.pace.state(),
    )


__all__ = ["BreakerNote", "HealthNote", "hear", "kept", "restore", "told"]
