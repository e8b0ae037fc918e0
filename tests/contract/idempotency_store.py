"""What every idempotency store promises (ports/idempotency.py)."""

from __future__ import annotations

import asyncio
from abc import abstractmethod

from opengateway.ports.idempotency import Found, IdempotencyStore


class IdempotencyStoreContract:
    """Subclasses give a fixture `store`, and let time pass."""

    @abstractmethod
    async def pass_kept_time(self) -> None:
        """As much as a finished claim is kept for."""

    async def test_the_first_gets_the_claim_and_the_others_are_told_of_it(
        self, store: IdempotencyStore
    ) -> None:
        assert await store.claim("s", "gen_1", b"note") is None
        assert await store.claim("s", "gen_2", b"other") == Found("gen_1", b"note", False)
        assert await store.claim("t", "gen_3", b"note") is None

    async def test_of_many_at_once_one_gets_the_claim(self, store: IdempotencyStore) -> None:
        found = await asyncio.gather(*(store.claim("s", f"gen_{n}", b"") for n in range(50)))
        assert found.count(None) == 1
        assert len({f.owner for f in found if f is not None}) == 1

    async def test_a_kept_reply_is_found_byte_by_byte(self, store: IdempotencyStore) -> None:
        reply = bytes(range(256)) * 4096
        assert await store.claim("s", "gen_1", b"note") is None
        await store.keep("s", "gen_1", reply)
        assert await store.claim("s", "gen_2", b"") == Found("gen_1", b"note", True, reply)

    async def test_what_is_finished_without_a_reply_is_not_done_again(
        self, store: IdempotencyStore
    ) -> None:
        assert await store.claim("s", "gen_1", b"note") is None
        assert await store.claim("t", "gen_2", b"note") is None
        await store.keep("s", "gen_1", None)
        store.keep_later("t", "gen_2")
        assert await store.claim("s", "gen_3", b"") == Found("gen_1", b"note", True)
        assert await store.claim("t", "gen_4", b"") == Found("gen_2", b"note", True)

    async def test_a_dropped_claim_is_free_at_once(self, store: IdempotencyStore) -> None:
        assert await store.claim("s", "gen_1", b"") is None
        store.drop("s", "gen_1")
        assert await store.claim("s", "gen_2", b"") is None
        await store.keep("s", "gen_2", b"reply")
        store.drop("s", "gen_2")
        assert await store.claim("s", "gen_3", b"") is None

    async def test_nobody_ends_anothers_claim(self, store: IdempotencyStore) -> None:
        assert await store.claim("s", "gen_1", b"") is None
        store.drop("s", "gen_9")
        await store.keep("s", "gen_9", b"reply")
        store.keep_later("s", "gen_9")
        assert await store.claim("s", "gen_2", b"") == Found("gen_1", b"", False)

    async def test_a_finished_claim_is_free_after_its_time(self, store: IdempotencyStore) -> None:
        assert await store.claim("s", "gen_1", b"") is None
        await store.keep("s", "gen_1", b"reply")
        await self.pass_kept_time()
        assert await store.claim("s", "gen_2", b"") is None
        assert await store.claim("s", "gen_3", b"") == Found("gen_2", b"", False)
