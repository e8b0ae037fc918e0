"""Secrets that were handed out are looked for in everything that was kept, logged or answered later."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from asgi_client import Reply
from control_plane import control_in
from opengateway.kit import log
from people import People, Person


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    stream = io.StringIO()
    before = structlog.get_config()
    writer = log.configure("test", stream=stream, level=0)
    yield stream
    writer.close()
    structlog.configure(**before)


async def test_no_secret_is_in_logs_errors_audit_or_store(
    tmp_path: Path, logged: io.StringIO
) -> None:
    told: list[Reply] = []
    async with control_in(tmp_path) as house:
        people = People(house)
        secrets = await use(people, told)
    dumped = dump(tmp_path / "control" / "control.sqlite3")
    kept = all_bytes(tmp_path)
    log.get_logger("x").info("end")
    everywhere = dumped + kept.decode("latin-1") + logged.getvalue()
    everywhere += "".join(r.text + str(r.headers) for r in told)
    assert "key.created" in everywhere
    assert "invitation.created" in everywhere
    for name, secret in secrets.items():
        assert secret not in everywhere, name
        assert secret[8:40] not in everywhere, f"a part of {name}"
    audit = dump(tmp_path / "control" / "control.sqlite3", "audit_log")
    assert "@" not in audit, "the log that forgets nothing holds somebody's address"


async def use(people: People, told: list[Reply]) -> dict[str, str]:
    """Make every secret there is, use it, and show it where it does not belong."""
    owner = await people.person()
    team_id = await people.team(owner=owner)
    path = f"/teams/{team_id}/keys"
    made = await people.done(owner, "POST", path, {"name": "a"}, idempotency_key="i1")
    managing = await people.done(owner, "POST", path, {"name": "b", "kind": "management"})
    rotate = f"{path}/{managing['id']}/rotate"
    rotated = await people.done(owner, "POST", rotate, {}, idempotency_key="i2")
    body = {"email": "lee@example.com", "role": "member"}
    invitations = f"/teams/{team_id}/invitations"
    sent = await people.done(owner, "POST", invitations, body, idempotency_key="i3")
    secrets = {
        "inference key": made["key"],
        "management key": managing["key"],
        "rotated key": rotated["key"],
        "invitation": sent["link"].partition("token=")[2],
        "session": owner.headers["cookie"].partition("=")[2],
        "csrf token": owner.headers["x-csrf-token"],
    }
    for name, secret in secrets.items():
        bearer = Person("", {"authorization": f"Bearer {secret}"})
        told += [
            await people.ask(bearer, "GET", path),
            await people.ask(bearer, "GET", "/teams"),
            await people.ask(owner, "POST", path, {"name": "x", "rpm": secret}),
            await people.ask(owner, "POST", path, {"name": "x", "limit_usd": secret}),
            await people.ask(owner, "POST", "/invitations/accept", {"token": secret}),
            await people.ask(owner, "GET", path, if_match=secret),
            await people.ask(owner, "PATCH", f"/teams/{team_id}", {"name": "t"}, if_match=secret),
        ]
        assert all(reply.status != 500 for reply in told), name
    for key, target, sent_body in (
        ("i1", path, {"name": "a"}),
        ("i2", rotate, {}),
        ("i3", invitations, body),
    ):
        reply = await people.ask(owner, "POST", target, sent_body, idempotency_key=key)
        assert reply.headers["idempotency-replayed"] == "true"
        told.append(reply)
    for target in (path, invitations, f"/teams/{team_id}/audit", f"/teams/{team_id}/members"):
        told.append(await people.ask(owner, "GET", target))
    return secrets


def all_bytes(folder: Path) -> bytes:
    return b"".join(p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file())


def dump(store: Path, *tables: str) -> str:
    connection = sqlite3.connect(store)
    try:
        if not tables:
            return "\n".join(connection.iterdump())
        return "\n".join(
            str(row) for t in tables for row in connection.execute(f"SELECT * FROM {t}")
        )
    finally:
        connection.close()
