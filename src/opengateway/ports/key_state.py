"""What a key and its team stand at, for `GET /v1/key` and `GET /v1/credits`. Amounts in nano-dollars."""

from __future__ import annotations

from typing import Protocol

import msgspec


class CreditState(msgspec.Struct, frozen=True):
    total_nanos: int
    """All credit that the team ever had."""
    usage_nanos: int
    """All that it was charged."""
    available_nanos: int
    held_nanos: int


class KeyState(msgspec.Struct, frozen=True):
    """As control answers at `GET /internal/v1/key-state`."""

    key_id: str
    team_id: str
    name: str
    hint: str
    limit_nanos: int | None
    limit_remaining_nanos: int | None
    """What was not spent of it in the period that runs."""
    limit_reset: str | None
    usage_nanos: int
    usage_daily_nanos: int
    usage_weekly_nanos: int
    usage_monthly_nanos: int
    expires_at_ns: int | None
    credits: CreditState


class KeyStates(Protocol):
    async def of(self, key_id: str) -> KeyState:
        """At most a second old. Raises `CapacityError` (503) where control is out of reach."""
        ...
