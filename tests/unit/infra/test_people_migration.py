from __future__ import annotations

from pathlib import Path

from sqlalchemy import create_engine, text

from opengateway.infra.database import HEAD
from opengateway.infra.migrations.run import upgrade


def test_teams_and_keys_of_before_keep_their_names_and_get_the_plain_terms(tmp_path: Path) -> None:
    engine = create_engine(f"sqlite:///{tmp_path}/store.sqlite3")
    with engine.begin() as connection:
        upgrade(connection, "0001")
        connection.execute(text("INSERT INTO teams VALUES ('team_a', 'Alpha', 5)"))
        connection.execute(
            text(
                "INSERT INTO api_keys VALUES ('key_a', 'team_a', 'first', 'inference', 'd', 1, 'h',"
                " '[]', 0, 5, NULL, NULL, NULL)"
            )
        )
        upgrade(connection, HEAD)
        team = connection.execute(
            text("SELECT name, title, status, body_logging, version, deleted_at_ns FROM teams")
        ).one()
        key = connection.execute(
            text("SELECT providers, ips, metadata, include_byok_in_limit, version FROM api_keys")
        ).one()
    engine.dispose()
    assert tuple(team) == ("Alpha", "Alpha", "active", 0, 1, None)
    assert tuple(key) == ("[]", "[]", "{}", 0, 1)
