"""What every store of pins promises (ports/pins.py)."""

from __future__ import annotations

from abc import abstractmethod

from opengateway.ports.pins import BATCH, NOTE_BYTES, PinStore

DIGEST = bytes(range(16))


class PinStoreContract:
    """Subclasses join a gateway to the zone, and let time pass."""

    @abstractmethod
    async def join(self) -> PinStore: ...

    @abstractmethod
    async def pass_time(self, seconds: float) -> None: ...

    async def test_one_gateway_finds_what_another_kept(self) -> None:
        one, other = await self.join(), await self.join()
        assert await other.find(DIGEST) is None
        await one.keep([(DIGEST, b"\x00\xffnote", 60.0)])
        assert await other.find(DIGEST) == b"\x00\xffnote"

    async def test_the_last_word_counts(self) -> None:
        one, other = await self.join(), await self.join()
        await one.keep([(DIGEST, b"first", 60.0)])
        await other.keep([(DIGEST, b"second", 60.0)])
        assert await one.find(DIGEST) == b"second"

    async def test_it_is_gone_in_its_time(self) -> None:
        one = await self.join()
        await one.keep([(DIGEST, b"short", 0.2), (DIGEST[::-1], b"long", 60.0)])
        await self.pass_time(0.3)
        assert await one.find(DIGEST) is None
        assert await one.find(DIGEST[::-1]) == b"long"

    async def test_a_note_that_is_too_long_is_not_kept(self) -> None:
        one = await self.join()
        await one.keep([(DIGEST, b"x" * (NOTE_BYTES + 1), 60.0)])
        assert await one.find(DIGEST) is None

    async def test_many_are_kept_at_once(self) -> None:
        one = await self.join()
        digests = [number.to_bytes(16, "big") for number in range(BATCH + 5)]
        await one.keep([(digest, digest, 60.0) for digest in digests])
        assert await one.find(digests[0]) == digests[0]
        assert await one.find(digests[-1]) == digests[-1]
        await one.keep([])
