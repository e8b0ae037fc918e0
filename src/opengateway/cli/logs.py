"""Commands about the log of requests."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from opengateway.cli.money import AsJson, ZoneFile
from opengateway.domain.errors import OperatorError

logs_app = typer.Typer(help="The log of requests.", no_args_is_help=True, rich_markup_mode=None)
_HOUR_NS: Final = 3600 * 10**9
_DAY_NS: Final = 24 * _HOUR_NS


@logs_app.command("reconcile")
def logs_reconcile(
    zone: ZoneFile,
    days: Annotated[int, typer.Option(min=1, max=400, help="How many, up to an hour ago.")] = 35,
    as_json: AsJson = False,
) -> None:
    """Compare rows, rollups and ledger to the nano-dollar; exit 1 if they differ."""
    found = asyncio.run(_reconciled(zone, days))
    if as_json:
        from opengateway.kit.json import dumps

        print(dumps(found).decode())
    else:
        for one in found["differences"]:
            print(
                f"{one['where']}  {one['team_id']} {one['what']} from {one['from_ns']}:"
                f" rows {one['rows']}, said {one['said']}"
            )
        count = len(found["differences"])
        told = f"{count} sums do not agree" if count else "rows, rollups and ledger agree"
        print(f"{told}: {found['requests']} requests, {found['cost_nanos']} nano-dollars")
    raise typer.Exit(1 if found["differences"] else 0)


async def _reconciled(zone: Path, days: int) -> dict[str, Any]:
    """A day at a time: each call reads one state of the store, and none takes for ever."""
    from opengateway.compose.remote_control import control_of
    from opengateway.kit.clock import SystemClock

    until = SystemClock().now_ns() // _HOUR_NS * _HOUR_NS - _HOUR_NS
    total: dict[str, Any] = {"requests": 0, "cost_nanos": 0, "differences": []}
    async with control_of(zone) as client:
        for day in range(days):
            end = until - day * _DAY_NS
            status, answer = await client.json(
                "GET", "/logs/reconcile", from_ns=end - _DAY_NS, until_ns=end
            )
            if status != 200 or not isinstance(answer, dict):
                raise OperatorError(f"control answered {status} when asked to compare a day")
            for name in total:
                total[name] += answer[name]
    return total
