"""The statements of one redemption, each guarded by its own condition, sent always and in this order.

Together they decide: whoever gets a row from each of them has redeemed, and nobody else. None reads
first and writes then, so the limits are exact however many try at once. Where an earlier one gave no row
the later ones are sent all the same, and find nothing: a refusal never shows why, not by its work either.
Locks are taken in the order code, campaign, counts, and the team's money after them.
"""

from __future__ import annotations

from typing import Final

from opengateway.kit.bulk import Sql

TAKE_CODE: Final = Sql(
    "UPDATE redeem_codes SET uses = uses + 1"
    " WHERE digest = ? AND status = 'active' AND uses < max_uses"
    " RETURNING id, campaign_id, uses, hint"
)
COUNT_CAMPAIGN: Final = Sql(
    "UPDATE redeem_campaigns SET redeemed = redeemed + 1"
    " WHERE id = ? AND zone = ? AND status = 'active'"
    " AND starts_at_ns <= ? AND (ends_at_ns IS NULL OR ends_at_ns > ?)"
    " AND (max_redemptions IS NULL OR redeemed < max_redemptions)"
    " AND (new_team_ns IS NULL OR new_team_ns > ?)"
    # A key is no person: where people are told apart, it does not count as one.
    " AND (per_user IS NULL OR CAST(? AS BIGINT) = 1)"
    " AND (any_domain OR EXISTS (SELECT 1 FROM redeem_domains d"
    " WHERE d.campaign_id = redeem_campaigns.id AND d.domain = ?))"
    " RETURNING amount_nanos, credit_ns"
)


def _count(limit: str) -> Sql:
    """One more for a subject, unless it has had `limit` already."""
    return Sql(
        "INSERT INTO redeem_counts (campaign_id, subject, count)"
        " SELECT c.id, ?, 1 FROM redeem_campaigns c WHERE c.id = ?"
        " ON CONFLICT (campaign_id, subject) DO UPDATE SET count = redeem_counts.count + 1"
        f" WHERE redeem_counts.count < (SELECT coalesce(c.{limit}, 9000000000000000000)"
        " FROM redeem_campaigns c WHERE c.id = excluded.campaign_id)"
        " RETURNING count"
    )


COUNT_TEAM: Final = _count("per_team")
COUNT_USER: Final = _count("per_user")
