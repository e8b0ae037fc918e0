"""What a provider is told in place of a caller's own names (decision 29)."""

from __future__ import annotations

import hmac


def pseudonym(team_id: str, member: str, value: str) -> str:
    """The same word for the same value of the same team, and no way back. 43 characters.

    Two teams that send the same value share neither a cache entry nor an identity.
    """
    mac = hmac.digest(team_id.encode(), f"{member}\0{value}".encode(), "sha256")
    return f"og-{mac.hex()[:40]}"
