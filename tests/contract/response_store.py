"""What every store of responses promises (ports/response_store.py)."""

from __future__ import annotations

from abc import abstractmethod

from opengateway.ports.response_store import KEPT_BYTES, ResponseStore


class ResponseStoreContract:
    """Subclasses give a fixture `store`, and let time pass."""

    @abstractmethod
    async def pass_kept_time(self) -> None:
        """As much as a value is kept for."""

    async def test_what_is_kept_is_found_byte_by_byte(self, store: ResponseStore) -> None:
        value = bytes(range(256)) * 4096
        assert await store.put("s", value)
        assert await store.get("s") == value
        assert await store.get("t") is None

    async def test_what_is_kept_again_replaces(self, store: ResponseStore) -> None:
        assert await store.put("s", b"one")
        assert await store.put("s", b"two")
        assert await store.get("s") == b"two"

    async def test_what_is_deleted_is_gone(self, store: ResponseStore) -> None:
        await store.put("s", b"one")
        assert await store.delete("s")
        assert not await store.delete("s")
        assert await store.get("s") is None

    async def test_nothing_is_kept_beyond_its_time(self, store: ResponseStore) -> None:
        await store.put("s", b"one")
        await self.pass_kept_time()
        assert await store.get("s") is None
        assert not await store.delete("s")

    async def test_what_is_too_large_is_not_kept_and_counted(self, store: ResponseStore) -> None:
        assert not await store.put("s", b"x" * (KEPT_BYTES + 1))
        assert store.evictions == 1
        assert await store.get("s") is None
