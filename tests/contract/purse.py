"""What every `Purse` must do for a team that has enough."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager

import pytest

from opengateway.domain.money import Nanos
from opengateway.domain.principal import KeyKind, Principal
from opengateway.ports.purse import Purse

CALLER = Principal("key_a", "team_a", "k", KeyKind.INFERENCE, "00", 1, "og_live_...abcd", 0)
SOME = Nanos(1_000)


async def held(purse: Purse, hold_id: str, amount: Nanos = SOME) -> None:
    """As the request path does it."""
    if not purse.hold(CALLER, hold_id, amount):
        await purse.secure(CALLER, hold_id, amount)


class PurseContract:
    """Subclasses give purses, working while the block lasts."""

    def opened(self) -> AbstractAsyncContextManager[Purse]:
        raise NotImplementedError

    @pytest.fixture
    async def purse(self) -> AsyncIterator[Purse]:
        async with self.opened() as purse:
            yield purse

    async def test_a_request_is_held_for_extended_and_closed(self, purse: Purse) -> None:
        await held(purse, "a")
        lease = purse.lease_of("a")
        if not purse.extend("a", SOME):
            assert await purse.secure_more("a", SOME)
        assert purse.lease_of("a") == lease
        purse.close("a", Nanos(1_500))

    async def test_closing_what_is_not_open_is_a_bug(self, purse: Purse) -> None:
        await held(purse, "a")
        purse.close("a", SOME)
        for hold_id in ("a", "b"):
            with pytest.raises(KeyError):
                purse.close(hold_id, SOME)

    async def test_a_hold_is_made_once(self, purse: Purse) -> None:
        await held(purse, "a")
        with pytest.raises(AssertionError):
            await held(purse, "a")
        purse.close("a", Nanos(0))

    async def test_what_costs_nothing_is_always_held(self, purse: Purse) -> None:
        await held(purse, "a", Nanos(0))
        purse.close("a", Nanos(0))

    async def test_a_request_may_cost_more_than_was_held(self, purse: Purse) -> None:
        await held(purse, "a")
        purse.close("a", Nanos(5_000))
        await held(purse, "b")
        purse.close("b", SOME)
