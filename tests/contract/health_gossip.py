"""What every way of gossip promises (ports/health_gossip.py)."""

from __future__ import annotations

from abc import abstractmethod

from opengateway.ports.health_gossip import MOST, NOTE_BYTES, HealthGossip


class HealthGossipContract:
    """Subclasses join a gateway to the zone, and let time pass."""

    @abstractmethod
    async def join(self, gateway_id: str) -> HealthGossip: ...

    @abstractmethod
    def pass_fresh_time(self) -> None:
        """So much that a note is stale."""

    async def test_each_hears_the_others_and_not_itself(self) -> None:
        one, other = await self.join("gw_1"), await self.join("gw_2")
        assert list(await one.exchange(b"from one")) == []
        assert list(await other.exchange(b"from other")) == [b"from one"]
        assert list(await one.exchange(b"more")) == [b"from other"]
        assert list(await other.exchange(b"x")) == [b"more"], "the last note only"

    async def test_a_note_may_hold_any_bytes(self) -> None:
        one, other = await self.join("gw_1"), await self.join("gw_2")
        note = bytes(range(256)) * 200
        await one.exchange(note)
        assert list(await other.exchange(b"x")) == [note]

    async def test_who_is_silent_for_long_is_not_heard_any_more(self) -> None:
        one, other = await self.join("gw_1"), await self.join("gw_2")
        await one.exchange(b"old news")
        self.pass_fresh_time()
        assert list(await other.exchange(b"x")) == []

    async def test_who_leaves_is_forgotten(self) -> None:
        one, other = await self.join("gw_1"), await self.join("gw_2")
        await one.exchange(b"bye")
        await one.leave()
        assert list(await other.exchange(b"x")) == []

    async def test_a_note_that_is_too_long_is_not_told(self) -> None:
        one, other = await self.join("gw_1"), await self.join("gw_2")
        await one.exchange(b"x" * (NOTE_BYTES + 1))
        assert list(await other.exchange(b"x")) == []

    async def test_a_crowd_is_bounded(self) -> None:
        for number in range(MOST + 20):
            await (await self.join(f"gw_{number}")).exchange(b"note")
        last = await self.join("gw_last")
        assert len(await last.exchange(b"x")) <= MOST
