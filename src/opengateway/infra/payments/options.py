"""The zone file's `components.payments`. Read by every process; only control loads what pays."""

from __future__ import annotations

from typing import Annotated

import msgspec

Reference = Annotated[
    str, msgspec.Meta(description="env:NAME or file:PATH", extra={"reference": True})
]
Dollars = Annotated[
    str, msgspec.Meta(pattern=r"^[0-9]{1,7}$", description="whole US dollars in quotes, like '5'")
]


class StripeOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    secret_key: Reference
    """Where it is, never the key itself."""
    webhook_secret: Reference | None = None
    """Without it there is no address for webhooks."""
    api_url: str = "https://api.stripe.com"
    min_usd: Dollars = "5"
    max_usd: Dollars = "10000"
