"""Rows under a lock and what is to be changed of them, kept in step in memory.

The store adds postings up by itself; here the same is done to the copies in memory, so that a batch of
many steps reads the store once and writes it once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from opengateway.domain.errors import Conflict
from opengateway.domain.ledger import CreditKind, Draw, Entry, Role
from opengateway.kit import json
from opengateway.ports.ledger_rows import GrantRow, Locked, StoredEntry, TeamRow, Writes

_NEVER: Final = 2**63


class RefUsed(Conflict):
    code = "ref_used"


def spending_order(grant: GrantRow) -> tuple[int, bool, str]:
    """Soonest-expiring first, what never expires last; given before bought; older before newer."""
    expires = _NEVER if grant.expires_at_ns is None else grant.expires_at_ns
    return expires, grant.kind is CreditKind.PAID, grant.id


class Sheet:
    """What one step of the book reads and writes. Nothing is written before `writes` is."""

    def __init__(self, locked: Locked) -> None:
        self.locked = locked
        self.writes = Writes()

    def team(self, team_id: str) -> TeamRow:
        return self.locked.teams[team_id]

    def grants(self, team_id: str) -> list[GrantRow]:
        """What is not used up, in the order in which it is spent."""
        grants = self.locked.grants.get(team_id, [])
        return sorted((g for g in grants if g.remaining), key=spending_order)

    def add_grant(self, grant: GrantRow) -> None:
        self.writes.grants.append(grant)
        # The store counts `remaining` down as it books draws; so do we, on a copy of our own.
        kept = GrantRow(**{name: getattr(grant, name) for name in GrantRow.__slots__})
        self.locked.grants.setdefault(grant.team_id, []).append(kept)

    def book(self, entry: Entry) -> None:
        self.writes.entries.append(entry)
        for posting in entry.postings:
            if posting.account.role is Role.AVAILABLE:
                self.team(entry.team_id).available += posting.amount
            elif posting.account.role is Role.HELD:
                self.team(entry.team_id).held += posting.amount
        if entry.draws:
            drawn = {draw.grant_id: draw.amount for draw in entry.draws}
            for grant in self.locked.grants[entry.team_id]:
                grant.remaining -= drawn.get(grant.id, 0)

    def booked_before(self, ref: str, input_hash: str) -> StoredEntry | None:
        """The entry of this `ref`. Raises `RefUsed` where it was of another input."""
        found = self.locked.entries.get(ref)
        if found is not None and found.input_hash != input_hash:
            raise RefUsed(f"ref {ref!r} was used for something else; take a new one")
        return found


def hash_of(*inputs: object) -> str:
    """Stands for what was asked. `inputs` are plain values."""
    return hashlib.sha256(json.dumps(inputs)).hexdigest()


def draw(grants: Iterable[GrantRow], amount: int) -> tuple[Draw, ...]:
    """Take `amount` out of `grants` in their order, or as much of it as there is."""
    draws: list[Draw] = []
    for grant in grants:
        if amount <= 0:
            break
        part = min(grant.remaining, amount)
        if part > 0:
            draws.append(Draw(grant.id, part))
            amount -= part
    return tuple(draws)


def drawn(draws: Sequence[Draw]) -> int:
    return sum(d.amount for d in draws)
