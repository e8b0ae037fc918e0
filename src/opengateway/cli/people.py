"""`opengateway teams ...` and `opengateway audit ...`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from opengateway.cli.moves import export_team, import_team

ZoneFile = Annotated[Path, typer.Option("--zone", help="The zone file.", envvar="OPENGATEWAY_ZONE")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]

teams_app = typer.Typer(help="Teams.", no_args_is_help=True, rich_markup_mode=None)
teams_app.command("export")(export_team)
teams_app.command("import")(import_team)
audit_app = typer.Typer(help="The audit log.", no_args_is_help=True, rich_markup_mode=None)


@teams_app.command("create")
def teams_create(
    zone: ZoneFile,
    name: Annotated[str, typer.Option(help="Its name, by which commands find it.")],
    as_json: AsJson = False,
) -> None:
    """Make a team. A team of this name that is there already is shown."""
    from opengateway.cli.remote import call, show

    made = asyncio.run(call(zone, "POST", "/teams", {"name": name}))
    show(made, as_json, ("id", "name", "zone", "status"))


@teams_app.command("list")
def teams_list(
    zone: ZoneFile,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    after: Annotated[str, typer.Option(help="The `next` of the page before.")] = "",
    as_json: AsJson = False,
) -> None:
    """Every team, deleted ones included."""
    from opengateway.cli.remote import call, show_rows

    found = asyncio.run(call(zone, "GET", "/teams", None, limit=limit, after=after))
    show_rows(found["data"], as_json, ("id", "name", "status", "deleted_at_ns"))
    if found["next"] and not as_json:
        print(f"more follow: --after {found['next']}")


@audit_app.command("verify")
def audit_verify(zone: ZoneFile, as_json: AsJson = False) -> None:
    """Prove that no entry of the audit log was changed, removed or moved; exit 1 if one was."""
    from opengateway.cli.remote import call
    from opengateway.kit.json import dumps

    report = asyncio.run(call(zone, "GET", "/audit/verify", None))
    if as_json:
        print(dumps(report).decode())
    elif report["broken_at"] is None:
        print(f"{report['entries']} entries and {report['checkpoints']} checkpoints fit")
    else:
        print(f"broken: {report['why']}; {report['entries']} entries before it fit")
    raise typer.Exit(0 if report["broken_at"] is None else 1)
