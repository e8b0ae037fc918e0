"""`opengateway smoke`: live checks of provider x model x feature, told as they come."""

from __future__ import annotations

import asyncio
import base64
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from opengateway.domain.smoke import SmokeLevel

_PAUSE_S = 0.3
_PAGE = 100

ZoneFile = Annotated[
    Path | None,
    typer.Option(
        "--zone",
        help="The zone file. Level ci needs none: it makes one, of the whole catalogue.",
        envvar="OPENGATEWAY_ZONE",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


def smoke(
    zone: ZoneFile = None,
    models: Annotated[str, typer.Option(help="A glob over models' ids, as 'acme/*'.")] = "*",
    level: Annotated[
        SmokeLevel, typer.Option(help="What to try: everything, or one cheap call a provider.")
    ] = SmokeLevel.PRE_PUBLISH,
    cap_usd: Annotated[
        str | None, typer.Option(help="US dollars that may be spent at most, as 1.50.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Try what the catalogue says of the zone's models, through the product itself; exit 1 if it
    does not hold.

    The running product is asked; where none runs, one is started for the length of the command.
    """
    wanted = {"level": level.value, "models": models, "cap_usd": cap_usd}
    if zone is not None:
        raise typer.Exit(asyncio.run(_smoke(zone, wanted, as_json)))
    if level is not SmokeLevel.CI:
        raise typer.BadParameter("is needed, except for --level ci", param_hint="--zone")
    raise typer.Exit(asyncio.run(_simulated(wanted, as_json)))


async def _simulated(wanted: dict[str, Any], as_json: bool) -> int:
    """The whole catalogue against the simulator."""
    from opengateway.compose.simulated import simulated_zone

    async with simulated_zone() as zone:
        return await _smoke(zone, wanted, as_json)


async def _smoke(zone: Path, wanted: dict[str, Any], as_json: bool) -> int:
    from opengateway.cli.remote import ask
    from opengateway.compose.running_product import product_of
    from opengateway.kit.json import dumps

    results: list[dict[str, Any]] = []
    async with product_of(zone) as client:
        run = await ask(client, "POST", "/admin/smoke/runs", wanted)
        path = f"/admin/smoke/runs/{run['id']}"
        while True:
            run = await ask(client, "GET", path, None)
            over = run["finished_at_ns"] is not None
            while found := await _more(client, path, results):
                results += found
                if not as_json:
                    for row in found:
                        _tell(row)
            if over:
                break
            await asyncio.sleep(_PAUSE_S)
    ok = run["state"] == "done" and not run["failed"] and not run["unavailable"]
    if as_json:
        print(dumps({"ok": ok, "run": run, "results": results}).decode())
    else:
        _sum_up(run)
    return 0 if ok else 1


async def _more(client: Any, path: str, known: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The results behind those that are known."""
    from opengateway.cli.remote import ask

    query: dict[str, str | int] = {"limit": _PAGE}
    if known:
        place = f"p1:{known[-1]['id']}".encode()
        query["after"] = base64.urlsafe_b64encode(place).decode().rstrip("=")
    answer = await ask(client, "GET", f"{path}/results", None, **query)
    found: list[dict[str, Any]] = answer["data"]
    return found


def _tell(row: dict[str, Any]) -> None:
    detail = f"  {row['detail']}" if row["detail"] else ""
    print(
        f"{row['verdict']:<11}  {row['feature']:<17}  {row['model']:<40}"
        f"  {row['provider']}/{row['region']}  {row['duration_ms']:.0f} ms{detail}",
        flush=True,
    )


def _sum_up(run: dict[str, Any]) -> None:
    from opengateway.domain.money import nanos_to_usd

    print(
        f"{run['passed']} passed, {run['failed']} failed, {run['unavailable']} unavailable,"
        f" {run['skipped']} skipped of {run['planned']};"
        f" providers charge {nanos_to_usd(run['cost_nanos'])} USD"
    )
    if run["detail"]:
        print(f"opengateway: {run['detail']}", file=sys.stderr)
