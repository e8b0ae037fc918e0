"""`opengateway backup`: everything of a member that cannot be made again, while it runs."""

from __future__ import annotations

import asyncio
import os
import shutil
from pathlib import Path
from typing import Annotated, Any

import typer

from opengateway.compose.paths import Paths
from opengateway.domain.errors import OperatorError

ZoneFile = Annotated[Path, typer.Option("--zone", help="The zone file.", envvar="OPENGATEWAY_ZONE")]


def backup(
    zone: ZoneFile,
    out: Annotated[Path, typer.Option(help="The folder to write to; must be new.")],
) -> None:
    """Copy the store, the journal, the archive and the secrets into a new folder.

    The folder is a `home`: restoring is putting it in the place of the old one. A PostgreSQL
    store is left out: copy it with pg_dump, afterwards.
    """
    from opengateway.compose.zone import load_zone

    made = Paths(out.absolute())
    try:
        out.mkdir(mode=0o700)
    except OSError as error:
        raise OperatorError(f"{str(out)!r}: {error.strerror}") from None
    made.control_db.parent.mkdir(mode=0o700)
    told = asyncio.run(_backup(zone, Paths(load_zone(zone, os.environ).home), made))
    size = sum(p.stat().st_size for p in out.rglob("*") if p.is_file())
    typer.echo(f"{out}  {size / 1e6:.1f} MB: {', '.join(told)}")
    if "control" not in told:
        typer.echo("the control store is PostgreSQL: dump it now, with pg_dump")


async def _backup(zone_file: Path, paths: Paths, made: Paths) -> list[str]:
    from opengateway.cli.remote import ask
    from opengateway.compose.remote_control import control_of

    told = []
    async with control_of(zone_file) as client:
        # Before the store and after it: what the store has not settled is in one of the two, and
        # what is in both is settled once.
        _copy(paths.journal, made.journal)
        answer: Any = await ask(client, "POST", "/store-copy", {"path": str(made.control_db)})
        told += ["control"] if answer["copied"] else []
        _copy(paths.journal, made.journal)
    told.append("journal")
    # Files of the archive never change; one more than the store lists is removed at the start.
    for folder in (paths.home / "archive", paths.home / "audit", paths.secrets):
        if folder.is_dir():
            _copy(folder, made.home / folder.name)
            told.append(folder.name)
    made.secrets.chmod(0o700)
    return told


def _copy(source: Path, target: Path) -> None:
    """What is there; a file that is removed meanwhile is none of it."""
    for path in sorted(source.rglob("*")):
        place = target / path.relative_to(source)
        if path.is_dir():
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            continue
        place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            shutil.copy2(path, place)
        except FileNotFoundError:
            continue
