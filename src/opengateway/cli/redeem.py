"""Commands about redeem codes."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from opengateway.cli.money import AsJson, ZoneFile, dollars

redeem_app = typer.Typer(help="Redeem codes.", no_args_is_help=True, rich_markup_mode=None)
_Limit = Annotated[int | None, typer.Option(min=1, max=1_000_000)]


@redeem_app.command("generate")
def redeem_generate(
    zone: ZoneFile,
    usd: Annotated[
        str, typer.Option(parser=dollars, help="What each code gives: US dollars, such as 12.50.")
    ],
    count: Annotated[int, typer.Option(min=1, max=10_000, help="How many codes.")],
    name: Annotated[str, typer.Option(help="The campaign's.")] = "from the command line",
    max_uses: Annotated[
        int, typer.Option(min=1, max=1_000_000, help="How often each code can be redeemed.")
    ] = 1,
    per_team: _Limit = None,
    per_user: _Limit = None,
    max_redemptions: Annotated[
        int | None, typer.Option(min=1, max=1_000_000, help="Of all codes together.")
    ] = None,
    credit_days: Annotated[
        int | None, typer.Option(min=1, max=3_650, help="How long the credit lasts; else for ever.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make codes, and a campaign for them. The codes are printed once, and kept nowhere."""
    from opengateway.cli.remote import call
    from opengateway.kit.json import dumps

    wanted = {
        "name": name,
        "usd": usd,
        "count": count,
        "max_uses": max_uses,
        "per_team": per_team,
        "per_user": per_user,
        "max_redemptions": max_redemptions,
        "credit_days": credit_days,
    }
    made = asyncio.run(call(zone, "POST", "/redeem/codes", wanted))
    if as_json:
        print(dumps(made).decode())
    else:
        print("\n".join(made["codes"]))
