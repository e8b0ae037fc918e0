"""`GET /v1/key` and `GET /v1/credits`: what a key may do, what it used, and what its team has.

Money comes from the ledger, rates from this gateway's own count. Amounts are JSON numbers in US dollars,
exact to the nano-dollar.
"""

from __future__ import annotations

from datetime import UTC, datetime

from opengateway.domain.money import nanos_to_usd
from opengateway.domain.principal import Principal
from opengateway.gateway.limits import Rates
from opengateway.kit.json import JsonObject, Raw, dumps
from opengateway.ports.key_state import KeyStates
from opengateway.ports.limits import Figure


class KeyDesk:
    def __init__(self, states: KeyStates, rates: Rates, zone: str) -> None:
        self._states = states
        self._rates = rates
        self._zone = zone

    async def key(self, principal: Principal) -> bytes:
        """Raises `CapacityError` (503)."""
        state = await self._states.of(principal.key_id)
        rows = self._rates.rows(principal)
        requests, tokens = self._rates.figures(rows) if rows is not None else (None, None)
        data: JsonObject = {
            "label": principal.hint,
            "name": principal.name,
            "limit": _usd(state.limit_nanos),
            "limit_remaining": _usd(state.limit_remaining_nanos),
            "limit_reset": state.limit_reset,
            "usage": _usd(state.usage_nanos),
            "usage_daily": _usd(state.usage_daily_nanos),
            "usage_weekly": _usd(state.usage_weekly_nanos),
            "usage_monthly": _usd(state.usage_monthly_nanos),
            "expires_at": _moment(principal.expires_at_ns),
            "zone": self._zone,
            "rate_limit": {
                "rpm": principal.rpm,
                "tpm": principal.tpm,
                "concurrency": principal.concurrency,
                "requests": _figure(requests),
                "tokens": _figure(tokens),
            },
        }
        return dumps({"data": data})

    async def credits(self, principal: Principal) -> bytes:
        """Raises `CapacityError` (503)."""
        credit = (await self._states.of(principal.key_id)).credits
        return dumps(
            {
                "data": {
                    "total_credits": _usd(credit.total_nanos),
                    "total_usage": _usd(credit.usage_nanos),
                }
            }
        )


def _usd(nanos: int | None) -> Raw | None:
    return None if nanos is None else Raw(nanos_to_usd(nanos).encode())


def _moment(at_ns: int | None) -> str | None:
    if at_ns is None:
        return None
    return datetime.fromtimestamp(at_ns // 1_000_000_000, UTC).isoformat().replace("+00:00", "Z")


def _figure(figure: Figure | None) -> JsonObject | None:
    """Of the narrowest of the key's, its member's and its team's limits."""
    if figure is None:
        return None
    return {
        "limit": figure.limit,
        "remaining": figure.remaining,
        "reset_s": figure.reset_s,
    }
