"""Control's side of the journal protocol, to the letter, with troubles to be had."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from pathlib import Path
from random import Random

import msgspec

from opengateway.domain.records import JournalRecord
from opengateway.infra.journal.shipper import ControlUnreachable, WrongOffset
from opengateway.kit.framing import scan

_decoder = msgspec.msgpack.Decoder(JournalRecord)


class StrictControl:
    """Refuses whatever does not go on where it is, and fails the test on what must never be sent.

    `trouble` is the share of calls that go wrong: lost on the way there, stored but the answer lost,
    or stored in part.
    """

    def __init__(self, root: Path, *, batch_bytes: int = 1 << 20) -> None:
        self.root = root
        self.batch_bytes = batch_bytes
        self.chance = Random(0)
        self.trouble = 0.0
        self.down = False
        self.outage = 0
        """So many more calls find it down."""
        self.calls = 0
        self.refusals: list[tuple[str, str, int]] = []
        self.offsets: dict[tuple[str, str], int] = defaultdict(int)
        self.records: dict[str, list[JournalRecord]] = defaultdict(list)
        self.newest: dict[str, str] = {}
        self.ended: set[str] = set()
        self.busy: set[str] = set()

    async def send(self, gateway: str, segment: str, offset: int, data: bytes, final: bool) -> int:
        assert gateway not in self.busy, "two senders of one journal"
        self.busy.add(gateway)
        try:
            await asyncio.sleep(0)
            self.calls += 1
            return self._answer(gateway, segment, offset, data, final)
        finally:
            self.busy.discard(gateway)

    def _answer(self, gateway: str, segment: str, offset: int, data: bytes, final: bool) -> int:
        path = self.root / gateway / segment
        assert path.exists(), "a segment was removed before it was acknowledged"
        if final:
            assert segment == max(p.name for p in path.parent.glob("segment-*.ogj"))
        payloads, used = scan(data)
        assert used == len(data) <= self.batch_bytes, "whole frames, in bounded batches"
        fate = self.chance.choice(("lost", "unheard", "partly"))
        if self.chance.random() >= self.trouble:
            fate = "well"
        self.outage -= 1
        if self.down or self.outage >= 0 or fate == "lost":
            raise ControlUnreachable("no answer")
        known = self.offsets[gateway, segment]
        if offset != known:
            self.refusals.append((gateway, segment, known))
            raise WrongOffset(known)
        assert not (data and gateway in self.ended), "bytes after the final ones"
        assert segment >= self.newest.get(gateway, ""), "an older segment after a newer one"
        self.newest[gateway] = segment
        if fate == "partly" and len(payloads) > 1:
            payloads = payloads[: self.chance.randrange(1, len(payloads))]
            final = False
        self.records[gateway] += map(_decoder.decode, payloads)
        self.offsets[gateway, segment] += sum(8 + len(payload) for payload in payloads)
        if final:
            self.ended.add(gateway)
        if fate == "unheard":
            raise ControlUnreachable("it died after its commit")
        return self.offsets[gateway, segment]
