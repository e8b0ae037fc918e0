"""Commands about money: credit for a team, and the proof that the ledger is right."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

from opengateway.domain.errors import OperatorError
from opengateway.domain.money import nanos_to_usd, usd_to_nanos

credits_app = typer.Typer(help="Teams' credit.", no_args_is_help=True, rich_markup_mode=None)
ledger_app = typer.Typer(help="The ledger.", no_args_is_help=True, rich_markup_mode=None)

ZoneFile = Annotated[Path, typer.Option("--zone", help="The zone file.", envvar="OPENGATEWAY_ZONE")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def dollars(text: str) -> str:
    """A positive, exact amount. Wrong usage where it is none: nothing is booked then."""
    try:
        amount = usd_to_nanos(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if amount <= 0:
        raise typer.BadParameter("must be above 0")
    return nanos_to_usd(amount)


@credits_app.command("grant")
def credits_grant(
    zone: ZoneFile,
    team: Annotated[str, typer.Option(help="The team's name or id; made if it is new.")],
    usd: Annotated[str, typer.Option(parser=dollars, help="US dollars, such as 12.50.")],
    note: Annotated[str, typer.Option(help="Why, for the ledger.")] = "from the command line",
    ref: Annotated[
        str | None, typer.Option(help="Names this grant for ever: the same one is booked once.")
    ] = None,
    paid: Annotated[
        bool, typer.Option("--paid", help="Money that came in, by bank transfer say; not a gift.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Give a team credit: one entry on the ledger, to the nano-dollar."""
    from opengateway.cli.remote import call, show

    wanted = {"team": team, "usd": usd, "note": note, "ref": ref}
    if paid:
        wanted |= {"kind": "paid", "source": "topup"}
    made = asyncio.run(call(zone, "POST", "/grants", wanted))
    names = ("entry_id", "grant_id", "team_id", "amount_nanos")
    show(made, as_json, names)


@ledger_app.command("verify")
def ledger_verify(zone: ZoneFile, as_json: AsJson = False) -> None:
    """Prove the money invariants on the live store; exit 1 if one is broken."""
    found = asyncio.run(_verify(zone))
    if as_json:
        from opengateway.kit.json import dumps

        print(dumps(found).decode())
    else:
        for violation in found["violations"]:
            print(f"{violation['invariant']}  {violation['subject']}: {violation['detail']}")
        checked = ", ".join(found["checked"])
        broken = sum(found["counts"].values())
        print(f"{broken} violations of {checked}" if broken else f"holds: {checked}")
    raise typer.Exit(0 if found["ok"] else 1)


async def _verify(zone: Path) -> dict[str, Any]:
    """One invariant at a time: each call reads one state of the store, and none takes for ever."""
    from opengateway.compose.remote_control import control_of
    from opengateway.ledger.invariants import INVARIANTS

    violations: list[Any] = []
    counts: dict[str, int] = {}
    async with control_of(zone) as client:
        for invariant in INVARIANTS:
            status, answer = await client.json("GET", "/ledger/verify", only=invariant)
            if status != 200 or not isinstance(answer, dict):
                raise OperatorError(f"control answered {status} when asked for {invariant}")
            violations += answer["violations"]
            counts.update(answer["counts"])
    return {
        "ok": not violations,
        "checked": list(INVARIANTS),
        "violations": violations,
        "counts": counts,
    }
