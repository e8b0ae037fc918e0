from __future__ import annotations

import json
from decimal import Decimal

from opengateway.domain.principal import Principal, TeamState
from opengateway.gateway.key_state import KeyDesk
from opengateway.gateway.limits import Rates
from opengateway.infra.limits.memory import MemoryRateBook
from opengateway.kit.clock import ManualClock
from opengateway.ports.key_state import CreditState, KeyState

from .fakes import PRINCIPAL, chat, endpoint

STATE = KeyState(
    "key_1", "team_1", "prod", "og_live_...abcd", 50_000_000_000, 31_200_000_001, "monthly",
    18_799_999_999, 1_100_000_000, 6_000_000_000, 18_799_999_999, None,
    CreditState(100_000_000_000, 18_799_999_999, 81_000_000_000, 200_000_001),
)  # fmt: skip


class OneState:
    async def of(self, key_id: str) -> KeyState:
        assert key_id == "key_1"
        return STATE


async def test_a_key_is_told_its_limit_its_use_and_its_rates() -> None:
    kept = {f: getattr(PRINCIPAL, f) for f in Principal.__struct_fields__}
    key = Principal(**{**kept, "rpm": 600, "expires_at_ns": 1_790_000_000_500_000_000})
    rates = Rates(MemoryRateBook(ManualClock()), {"team_1": TeamState("team_1", rpm=5)})
    rows = rates.rows(key)
    assert rows is not None
    assert rates.take(rows, chat(), endpoint("one")) is not None
    body = await KeyDesk(OneState(), rates, "kr").key(key)
    assert json.loads(body, parse_float=Decimal)["data"] == {
        "label": "og_live_...abcd",
        "name": "k",
        "limit": 50,
        "limit_remaining": Decimal("31.200000001"),
        "limit_reset": "monthly",
        "usage": Decimal("18.799999999"),
        "usage_daily": Decimal("1.1"),
        "usage_weekly": 6,
        "usage_monthly": Decimal("18.799999999"),
        "expires_at": "2026-09-21T14:13:20Z",
        "zone": "kr",
        "rate_limit": {
            "rpm": 600,
            "tpm": None,
            "concurrency": None,
            "requests": {"limit": 5, "remaining": 4, "reset_s": 61},
            "tokens": None,
        },
    }


async def test_credits_are_what_the_team_got_and_what_it_used() -> None:
    rates = Rates(MemoryRateBook(ManualClock()), {})
    body = await KeyDesk(OneState(), rates, "kr").credits(PRINCIPAL)
    assert body == b'{"data":{"total_credits":100,"total_usage":18.799999999}}'
