"""`opengateway teams export` and `teams import`: a team goes from one zone to another, once."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from opengateway.domain.errors import OperatorError
from opengateway.domain.money import nanos_to_usd

ZoneFile = Annotated[Path, typer.Option("--zone", help="The zone file.", envvar="OPENGATEWAY_ZONE")]
AsJson = Annotated[bool, typer.Option("--json", help="Machine-readable output.")]
_LOOK_EVERY_S = 0.25


def export_team(
    zone: ZoneFile,
    team: Annotated[str, typer.Option(help="The team's name or id.")],
    to: Annotated[str, typer.Option(help="The name of the zone that it goes to.")],
    out: Annotated[Path, typer.Option(help="The file to write; must be new.")],
    wait_s: Annotated[
        int, typer.Option(min=0, max=3600, help="For requests that are not settled yet.")
    ] = 120,
    as_json: AsJson = False,
) -> None:
    """Freeze a team, take its credit out, and write all that moves into a signed file.

    Asked again, it writes the same file. The team stays frozen here, its records stay too.
    """
    if out.exists():
        raise OperatorError(f"{str(out)!r} is there already; name a new file")
    text, held_s = asyncio.run(_exported(zone, team, to, wait_s))
    _write(out, text)
    told = json.loads(text.split("\n", 1)[1])
    shown = {
        "file": str(out),
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "team_id": told["team"]["id"],
        "usd": nanos_to_usd(told["total_nanos"]),
        "keys": len(told["keys"]),
        "members": len(told["members"]),
        "waited_s": round(held_s, 1),
    }
    _show(shown, as_json)


def import_team(
    zone: ZoneFile,
    file: Annotated[Path, typer.Argument(help="What the other zone's export wrote.")],
    origin_key: Annotated[
        Path, typer.Option(help="The other zone's public key: its home/secrets/snapshot-key.pub.")
    ],
    secrets: Annotated[
        Path, typer.Option(help="Where new keys and invitations are written; must be new.")
    ],
    as_json: AsJson = False,
) -> None:
    """Make the team of a file, once: its credit, its members, and a new key for each of its keys."""
    from opengateway.cli.remote import call

    if secrets.exists():
        raise OperatorError(f"{str(secrets)!r} is there already; name a new file")
    wanted = {"file": _read(file), "public_key": _read(origin_key).strip()}
    made = asyncio.run(call(zone, "POST", "/team-arrivals", wanted))
    _write(secrets, json.dumps({n: made[n] for n in ("team_id", "keys", "invited")}, indent=1))
    shown = {
        "team_id": made["team_id"],
        "usd": nanos_to_usd(made["amount_nanos"]),
        "keys": len(made["keys"]),
        "members": len(made["members"]),
        "invited": len(made["invited"]),
        "secrets": str(secrets),
    }
    _show(shown, as_json)


async def _exported(zone: Path, team: str, to: str, wait_s: int) -> tuple[str, float]:
    from opengateway.cli.remote import ask
    from opengateway.compose.remote_control import control_of
    from opengateway.kit.clock import SystemClock

    async with control_of(zone) as client:
        found = await ask(client, "GET", "/team", None, team=team)
        path = f"/teams/{found['id']}"
        clock = SystemClock()
        began = clock.monotonic()
        if found["status"] != "frozen":
            reason = {"reason": f"moves to zone {to}"}
            await ask(client, "POST", f"/admin{path}/freeze", reason)
        while (await ask(client, "GET", f"{path}/balance", None))["held_nanos"]:
            if clock.monotonic() - began > wait_s:
                raise OperatorError(
                    f"requests of the team are not settled after {wait_s} s; it stays frozen: run"
                    " the command again, or unfreeze it"
                )
            await asyncio.sleep(_LOOK_EVERY_S)
        left: Any = await ask(client, "POST", f"{path}/departure", {"zone": to})
        return str(left["file"]), clock.monotonic() - began


def _show(told: dict[str, Any], as_json: bool) -> None:
    from opengateway.cli.remote import show

    show(told, as_json, tuple(told))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError):
        raise OperatorError(f"{str(path)!r} cannot be read") from None


def _write(path: Path, text: str) -> None:
    """For its owner alone, and never over something."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as stream:
            stream.write(text)
    except OSError as error:
        raise OperatorError(f"{str(path)!r} cannot be written: {error.strerror}") from None
