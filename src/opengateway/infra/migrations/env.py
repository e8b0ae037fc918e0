"""Run by Alembic for each command. It works on the connection it is given, never on its own.

Foreign keys are enforced while a migration runs. A later migration that rebuilds a table on
SQLite (batch mode) must not be surprised by that: it says so with `PRAGMA defer_foreign_keys=ON`.
"""

from __future__ import annotations

from alembic import context

from opengateway.kit.db import Base

connection = context.config.attributes["connection"]
assert connection is not None, "migrations run through opengateway.infra.database.migrate"
context.configure(
    connection=connection,
    target_metadata=Base.metadata,
    # SQLite cannot alter most things in place; batch mode rebuilds the table.
    render_as_batch=True,
    # The connection's BEGIN IMMEDIATE holds for DDL too: a killed migration leaves nothing behind.
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
