"""`opengateway catalog sign` and `catalog apply`: updates that travel as a file."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated, Any

import typer

from opengateway.domain.errors import OperatorError

ZoneFile = Annotated[Path, typer.Option("--zone", help="The zone file.", envvar="OPENGATEWAY_ZONE")]


def sign_update(
    file: Annotated[Path, typer.Argument(help="YAML: format, name, models, withdrawn.")],
    key: Annotated[Path, typer.Option(help="A private key of `opengateway bundle keygen`.")],
    out: Annotated[Path, typer.Option(help="Where the signed update goes.")],
) -> None:
    """Check a catalogue update and sign it, where there is a network."""
    import yaml

    from opengateway.catalog.update import signed_update

    try:
        blob = signed_update(yaml.safe_load(_read(file)), _read(key).decode())
    except yaml.YAMLError as error:
        raise OperatorError(f"{str(file)!r} is no YAML: {str(error).splitlines()[0]}") from None
    except ValueError as error:
        raise OperatorError(f"{str(key)!r}: {error}") from None
    out.write_bytes(blob)
    typer.echo(f"{out}  {len(blob)} bytes, signed")


def apply_update(
    zone: ZoneFile,
    file: Annotated[Path, typer.Argument(help="A signed update.")],
    yes: Annotated[bool, typer.Option("--yes", help="Apply it; without, only tell.")] = False,
) -> None:
    """Tell what a signed update changes; with --yes, put it in force without a start.

    The key that it must be signed by stands in the zone file: `updates.public_key`.
    """
    from opengateway.catalog.update import read_update, steps
    from opengateway.compose.zone import load_zone

    key = load_zone(zone, os.environ).updates.public_key
    if key is None:
        raise OperatorError(f"{zone.name} names no key: set updates.public_key, as file:PATH")
    update = read_update(_read(file), key)
    asyncio.run(_apply(zone, update.name, lambda now: steps(update, now), yes))


async def _apply(zone: Path, name: str, plan: Any, yes: bool) -> None:
    from opengateway.catalog.update import Kind
    from opengateway.cli.remote import ask
    from opengateway.compose.remote_control import control_of

    async with control_of(zone) as client:
        rows = await _published(client)
        found = plan({model_id: row["config"] for model_id, row in rows.items()})
        for step in found:
            typer.echo(f"{step.kind} {step.model_id}  {step.detail}")
        if not found:
            typer.echo(f"{name}: everything is as it says")
            return
        if not yes:
            typer.echo(f"{name}: {len(found)} changes; --yes applies them")
            return
        for step in found:
            if step.kind is Kind.REMOVE:
                place = f"/admin/models/{rows[step.model_id]['id']}/withdraw"
                await ask(client, "POST", place, None)
                continue
            wanted = {"model_id": step.model_id, "config": step.config}
            draft = await ask(client, "POST", "/admin/models", wanted)
            await ask(client, "POST", f"/admin/models/{draft['id']}/publish", None)
        typer.echo(f"{name}: {len(found)} changes are in force")


async def _published(client: Any) -> dict[str, dict[str, Any]]:
    """The desk's models in force, by id."""
    from opengateway.cli.remote import ask

    found: dict[str, dict[str, Any]] = {}
    after = ""
    while True:
        page = await ask(client, "GET", "/admin/models", None, limit=1000, after=after)
        found |= {row["model_id"]: row for row in page["data"] if row["state"] == "published"}
        if not page["next"]:
            return found
        after = page["next"]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise OperatorError(f"{str(path)!r} cannot be read: {error.strerror}") from None
