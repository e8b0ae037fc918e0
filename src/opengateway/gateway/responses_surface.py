"""`POST /v1/responses` on the one pipeline: which services serve a request, and what is kept of it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from opengateway.domain.errors import CapacityError
from opengateway.domain.principal import Principal
from opengateway.gateway.arrival import Arrival
from opengateway.gateway.pipeline import StepFailed, serve_chat
from opengateway.gateway.responses import KeepingCaller, ResponseKeeper
from opengateway.gateway.services import GatewayServices
from opengateway.gateway.token_count import Means, TokenCounting
from opengateway.ports.caller import Caller


class ResponsesCounting:
    """Tokens of a request to Responses. `keeping` reads one with everything in its place."""

    def __init__(
        self, plain: TokenCounting, keeping: TokenCounting, keeper: ResponseKeeper
    ) -> None:
        self._plain = plain
        self._keeping = keeping
        self._keeper = keeper
        self.body = plain.body

    async def count(
        self, body: bytes, headers: Mapping[str, str], principal: Principal
    ) -> tuple[int, Means]:
        """See `TokenCounting.count`. Raises `CapacityError` where what is kept is out of reach."""
        if self._keeper.allows(principal.team_id):
            asked = await self._keeper.resolved(principal, body)
            if asked is not None:
                return await self._keeping.count(asked.body, headers, principal)
        return await self._plain.count(body, headers, principal)


class ResponsesSurface:
    """`plain` keeps nothing; `keeping` has the dialect of a request with everything in its place."""

    def __init__(
        self, plain: GatewayServices, keeping: GatewayServices, keeper: ResponseKeeper
    ) -> None:
        self.plain = plain
        self._keeping = keeping
        self.keeper = keeper

    async def serve(self, arrival: Arrival, principal: Principal, caller: Caller) -> None:
        """Steps 3 to 12. Raises `StepFailed` for what is refused before an exchange begins."""
        if not self.keeper.allows(principal.team_id):
            await serve_chat(self.plain, arrival, principal, caller)
            return
        try:
            asked = await self.keeper.resolved(principal, arrival.body)
        except CapacityError as error:
            raise StepFailed("resolve", error) from None
        if asked is None or len(asked.body) > self.plain.limits.body_bytes:
            # Something that it names is not kept: the plain dialect says so, and it is recorded.
            await serve_chat(self.plain, arrival, principal, caller)
            return
        arrival = msgspec.structs.replace(arrival, body=asked.body)
        kept = KeepingCaller(caller, self.keeper, principal.team_id, asked)
        await serve_chat(self._keeping, arrival, principal, kept)
