"""`opengateway route`: where requests would go."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

route_app = typer.Typer(
    help="Where requests would go.", no_args_is_help=True, rich_markup_mode=None
)


@route_app.callback()
def route() -> None:
    """Where requests would go."""


@route_app.command("explain")
def route_explain(
    zone: Annotated[Path, typer.Option("--zone", help="The zone file.", envvar="OPENGATEWAY_ZONE")],
    model: Annotated[str, typer.Option(help="A model's id, with `:nitro` or `:floor` if wanted.")],
    only: Annotated[list[str] | None, typer.Option(help="As provider.only.")] = None,
    ignore: Annotated[list[str] | None, typer.Option(help="As provider.ignore.")] = None,
    order: Annotated[list[str] | None, typer.Option(help="As provider.order.")] = None,
    zdr: Annotated[bool, typer.Option("--zdr", help="As provider.zdr.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable output.")] = False,
) -> None:
    """Show the endpoints that would be tried for a model, in order, and why others would not.

    Nothing is sent. Health is what a gateway of this zone kept on disk, if one ran here.
    """
    from opengateway.compose.route_explain import explain_zone, lines
    from opengateway.domain.chat import NO_PREFERENCES, ProviderPreferences

    wishes = ProviderPreferences(
        only=tuple(only or ()), ignore=tuple(ignore or ()), order=tuple(order or ()), zdr=zdr
    )
    found = explain_zone(zone, model, wishes if wishes != NO_PREFERENCES else NO_PREFERENCES)
    print(json.dumps(found, indent=2) if as_json else "\n".join(lines(found)))
    raise typer.Exit(1 if "error" in found else 0)
