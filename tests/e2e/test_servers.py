"""The whole product on PostgreSQL and Valkey."""

from __future__ import annotations

import os
from pathlib import Path

import asyncpg
import pytest

from e2e.product import Simulator, Zone, product
from stores import apart

pytestmark = pytest.mark.slow


async def rows_of(url: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        rows: list[asyncpg.Record] = await connection.fetch(
            "SELECT r.id, r.ending, r.cost_nanos, k.name FROM requests r"
            " JOIN api_keys k ON k.id = r.key_id"
        )
        return rows
    finally:
        await connection.close()


def test_a_request_is_answered_and_settled_in_postgres(
    provider: Simulator,
    tmp_path: Path,
    blank_postgres_url: str,
    valkey_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OG_TEST_STORE", blank_postgres_url)
    monkeypatch.setenv("OG_TEST_SHARED", valkey_url)
    zone = Zone(provider, tmp_path)
    zone.components = {
        "control_store": {"use": "postgres", "url": "env:OG_TEST_STORE"},
        "shared_state": {"use": "valkey", "url": "env:OG_TEST_SHARED"},
    }
    zone.provider("main", "openai")
    zone.model("lab/chat", ("main", "sim-chat"))
    with product(zone) as running:
        status, body, headers = running.chat(
            {"model": "lab/chat", "messages": [{"role": "user", "content": "hi"}]}
        )
        assert status == 200, body
        record = running.record(headers["x-request-id"])
    (row,) = apart(rows_of(blank_postgres_url))
    assert (row["id"], row["ending"], row["name"]) == (record["id"], "completed", "k")
    assert row["cost_nanos"] == record["cost_nanos"] > 0
    # Nothing of it lies on this machine.
    assert [name for name in os.listdir(tmp_path / "var" / "control") if "sqlite" in name] == []
