"""Commands for whoever runs the zone, when nobody can sign in."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

import typer

admin_app = typer.Typer(help="Admins of the platform.", no_args_is_help=True, rich_markup_mode=None)
ZoneFile = Annotated[Path, typer.Option("--zone", help="The zone file.", envvar="OPENGATEWAY_ZONE")]
Email = Annotated[str, typer.Option(help="Their e-mail address.")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]


@admin_app.command("create")
def create(zone: ZoneFile, email: Email, as_json: AsJson = False) -> None:
    """Make an admin of the platform. The password is printed once, and kept nowhere."""
    _made(zone, email, as_json, again=False)


@admin_app.command("reset")
def reset(zone: ZoneFile, email: Email, as_json: AsJson = False) -> None:
    """Let somebody in who is locked out: a new password, no second factor, every session ended."""
    _made(zone, email, as_json, again=True)


def _made(zone: Path, email: str, as_json: bool, *, again: bool) -> None:
    from opengateway.cli.remote import call, show

    answer: Any = asyncio.run(call(zone, "POST", "/admins", {"email": email, "again": again}))
    show(answer, as_json, ("user_id", "email", "password"))
