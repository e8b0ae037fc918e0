"""What was used and earned in a time, added up from the records: for the desk's figures."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from sqlalchemy import text

from opengateway.domain.records import CloseRecord, Ending
from opengateway.domain.usage import Dimension, Usage
from opengateway.domain.vault import is_own
from opengateway.kit.db import AsyncSession

MOST: Final = 500_000
"""Records that are read for one answer. Where there are more, the newest are, and it says so."""
_PAGE: Final = 2_000
_decode: Final = msgspec.json.Decoder(CloseRecord).decode
_RECORDS: Final = text(
    "SELECT id, record FROM requests WHERE started_at_ns >= :since AND started_at_ns < :until"
    " AND id < :before ORDER BY id DESC LIMIT :page"
)
_NO_BOUNDS: Final[Mapping[str, Sequence[int]]] = {}
_Key = tuple[str, str, bool, int]
_LAST: Final = "~"
"""After every id."""


Bounds = Mapping[str, Sequence[int]]
"""By endpoint, the lengths of input above which other rates hold, the least first."""


class UsageSum(msgspec.Struct):
    """Of one team at one endpoint, with the platform's credentials or the team's own, and of inputs
    that the same rates hold for: `input_tokens` is one such length."""

    team_id: str
    model: str
    endpoint_id: str
    provider: str
    own: bool
    input_tokens: int = 0
    requests: int = 0
    charged_nanos: int = 0
    fee_nanos: int = 0
    provider_cost_nanos: int = 0
    unknown_costs: int = 0
    quantities: dict[Dimension, int] = {}


class UsageSums(msgspec.Struct):
    """`failed` counts what ended in an error of ours or a provider's, wherever it was sent."""

    sums: list[UsageSum]
    requests: int = 0
    failed: int = 0
    truncated: bool = False


async def usage_between(
    session: AsyncSession, since_ns: int, until_ns: int, bounds: Bounds = _NO_BOUNDS
) -> UsageSums:
    """Every request that began then."""
    found: dict[_Key, UsageSum] = {}
    total = UsageSums([])
    before = _LAST
    while total.requests < MOST:
        asked = {"since": since_ns, "until": until_ns, "before": before, "page": _PAGE}
        rows = (await session.execute(_RECORDS, asked)).all()
        for row in rows:
            _add(_decode(row.record), found, total, bounds)
        if len(rows) < _PAGE:
            break
        before = rows[-1].id
    else:
        total.truncated = True
    total.sums = sorted(found.values(), key=lambda s: (-s.charged_nanos, s.team_id, s.endpoint_id))
    return total


def _add(
    record: CloseRecord, found: dict[_Key, UsageSum], total: UsageSums, bounds: Bounds
) -> None:
    total.requests += 1
    if record.ending not in (Ending.COMPLETED, Ending.CLIENT_GONE) and record.status >= 500:
        total.failed += 1
    if record.endpoint_id is None:
        return
    own = bool(record.attempts) and is_own(record.attempts[-1].credential)
    tokens = Usage(record.usage).input_tokens
    band = bisect_left(bounds.get(record.endpoint_id, ()), tokens)
    key = record.team_id, record.endpoint_id, own, band
    one = found.get(key)
    if one is None:
        one = found[key] = UsageSum(
            record.team_id,
            record.model or "",
            record.endpoint_id,
            record.provider or "",
            own,
            tokens,
        )
    one.requests += 1
    one.charged_nanos += record.cost_nanos
    one.fee_nanos += record.fee_nanos
    one.provider_cost_nanos += record.provider_cost_nanos
    one.unknown_costs += not record.provider_cost_known
    if record.cost_nanos:  # what nobody was charged for is charged at no price
        for dimension, quantity in record.usage.items():
            one.quantities[dimension] = one.quantities.get(dimension, 0) + quantity
