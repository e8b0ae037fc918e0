"""Alembic from within the product: no ini file, the caller's connection and transaction."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection

from opengateway.domain.errors import OperatorError


def config(connection: Connection | None = None) -> Config:
    """Alembic's settings: the scripts of this folder, run on `connection`."""
    made = Config()
    # A percent sign in the path would be read as an interpolation.
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def upgrade(connection: Connection, revision: str) -> None:
    """Run what is missing, inside the connection's transaction.

    Raises `OperatorError` when the store holds a revision that this version does not know.
    """
    try:
        command.upgrade(config(connection), revision)
    except CommandError as error:
        raise OperatorError(
            f"the control store was written by another version of opengateway: {error}; "
            "run that version or a newer one"
        ) from error


def known() -> frozenset[str]:
    """The revisions of all scripts in `versions/`."""
    return frozenset(s.revision for s in ScriptDirectory.from_config(config()).walk_revisions())


def newest() -> str | None:
    """The revision of the last script in `versions/`."""
    return ScriptDirectory.from_config(config()).get_current_head()
