"""The first start: a key, an owner and some credit to try it with, told once.

A new installation that bills, and that is not a business's own (`edition: saas`), begins with credit:
else the first request of whoever tries the product would be refused.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any, Final

from opengateway.compose.components import EditionName
from opengateway.compose.local_http import ask_unix
from opengateway.compose.paths import Paths
from opengateway.compose.zone import Zone

STARTING_USD: Final = "100"


@dataclass(frozen=True, slots=True)
class FirstStart:
    """What is shown once, ever. `owner` is (e-mail, password); None where there is one already."""

    key: str = field(repr=False)
    team_id: str
    owner: tuple[str, str] | None = field(repr=False)
    credit_usd: str = ""


async def first_start(zone: Zone, paths: Paths) -> FirstStart | None:
    """Ask control until it answers. None on every start but the first."""
    status, body = await _ask(paths, "/internal/v1/first-start", None)
    if status != 201:
        return None
    made = json.loads(body)
    owner = made.get("owner")
    credit = await _credit(zone, paths, made["team_id"])
    return FirstStart(
        key=made["key"],
        team_id=made["team_id"],
        owner=(owner["email"], owner["password"]) if owner else None,
        credit_usd=credit,
    )


async def _credit(zone: Zone, paths: Paths, team_id: str) -> str:
    if zone.components.billing.use == "off" or zone.edition == EditionName.SAAS:
        return ""
    # Named for ever: however often this is asked, it is booked once.
    wanted = {
        "team": team_id,
        "usd": STARTING_USD,
        "note": "starting credit of a new installation",
        "ref": "first-start",
    }
    status, _ = await _ask(paths, "/internal/v1/grants", wanted)
    return STARTING_USD if status == 201 else ""


async def _ask(paths: Paths, path: str, wanted: dict[str, Any] | None) -> tuple[int, bytes]:
    body = None if wanted is None else json.dumps(wanted).encode()
    while True:
        try:
            return await ask_unix(paths.internal_socket, "POST", path, body)
        except OSError:
            await asyncio.sleep(0.05)


def first_words(url: str, first: FirstStart, model: str) -> str:
    """What the parent prints."""
    sign_in = ""
    if first.owner is not None:
        email, password = first.owner
        sign_in = f"""
Sign in at {url} as the owner, shown this once:

    {email}
    {password}
"""
    credit = f" (its team has {first.credit_usd} US dollars of credit)" if first.credit_usd else ""
    return f"""{sign_in}
Your first API key{credit}, shown this once:

    {first.key}

Try it:

    curl {url}/v1/chat/completions -H 'Authorization: Bearer {first.key}' \\
      -H 'Content-Type: application/json' \\
      -d '{{"model": "{model}", "messages": [{{"role": "user", "content": "Hello!"}}]}}'
"""
