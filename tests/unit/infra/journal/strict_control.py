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
    """Refuses whatever does not go on where it is, and notes as `violations` what must never be sent.

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
        self.violations: list[str] = []

    async def send(self, gateway: str, segment: str, offset: int, data: bytes, final: bool) -> int:
        await asyncio.sleep(0)
        self.calls += 1
        try:
            return self._answer(gateway, segment, offset, data, final)
        except AssertionError as error:
            # The shipper would take it for a fault of control's, and go on.
            self.violations.append(str(error))
            raise

    def _answer(self, gateway: str, segment: str, offset: int, data: bytes, final: bool) -> int:
        payloads, used = scan(data)
        assert used == len(data) <= self.batch_bytes, "not whole frames, or too many of them"
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
        segments = [path.name for path in (self.root / gateway).glob("segment-*.ogj")]
        assert segment in segments, "a segment was removed before it was acknowledged"
        assert not final or segment == max(segments), "final, and a later segment stands"
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
