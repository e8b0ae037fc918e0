"""The ledger over control's internal API."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from opengateway.infra.control_client import ControlClient
from opengateway.infra.purse.messages import LeaseAnswer, LeaseAsk, LeaseReturn, Renewal


class _Answers(msgspec.Struct):
    answers: tuple[LeaseAnswer, ...]


class _Done(msgspec.Struct):
    pass


class ControlLeases:
    """Implements `LeaseClient` for one gateway."""

    def __init__(self, client: ControlClient, gateway_id: str) -> None:
        self._client = client
        self._gateway = gateway_id

    async def take(self, asks: Sequence[LeaseAsk]) -> Sequence[LeaseAnswer]:
        said = {"gateway": self._gateway, "asks": asks}
        return (await self._client.ask("/leases", said, _Answers)).answers

    async def give_back(self, returns: Sequence[LeaseReturn]) -> None:
        await self._client.ask(
            "/leases/return", {"gateway": self._gateway, "returns": returns}, _Done
        )

    async def renew(self, lease_ids: Sequence[str]) -> Renewal:
        said = {"gateway": self._gateway, "lease_ids": lease_ids}
        return await self._client.ask("/leases/renew", said, Renewal)
