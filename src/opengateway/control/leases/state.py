"""What a key stands at: its limit, its use by period, its team's credit."""

from __future__ import annotations

from opengateway.control.budgets.rows import own_limit_row
from opengateway.control.keys.repository import KeyRepository
from opengateway.control.keys.service import KeyNotFound
from opengateway.control.leases.desk import subject_of
from opengateway.control.scope import ControlScope
from opengateway.ports.key_state import CreditState, KeyState


async def key_state(scope: ControlScope, key_id: str) -> KeyState:
    """Raises `KeyNotFound`."""
    key = await KeyRepository(scope.session).get(key_id)
    if key is None:
        raise KeyNotFound(f"there is no key {key_id!r}", param="key_id")
    statements = scope.ledger.statements
    remaining = None
    if key.limit_nanos is not None:
        row = own_limit_row(subject_of(key), key.limit_nanos, scope.clock.now_ns())
        stands = (await statements.periods((row.id,))).get(row.id)
        # Settled, not leased: a gateway's lease is a matter of ours.
        remaining = max(0, key.limit_nanos - (stands.spent if stands else 0))
    usage = await statements.usage(key.id)
    balance = await statements.balance(key.team_id)
    return KeyState(
        key_id=key.id,
        team_id=key.team_id,
        name=key.name,
        hint=key.hint,
        limit_nanos=key.limit_nanos,
        limit_remaining_nanos=remaining,
        limit_reset=key.limit_reset,
        usage_nanos=usage.lifetime,
        usage_daily_nanos=usage.day,
        usage_weekly_nanos=usage.week,
        usage_monthly_nanos=usage.month,
        expires_at_ns=key.expires_at_ns,
        credits=CreditState(
            balance.total_credits, balance.total_usage, balance.available, balance.held
        ),
    )
