from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI, Request
from sqlalchemy import text
from starlette.middleware import Middleware

from asgi_client import Reply, call
from control_plane import control_in
from opengateway.compose.control import ControlHouse
from opengateway.control.access import Access, access, require_declared
from opengateway.http.control_errors import ControlEdge, install_errors
from opengateway.http.unit_of_work import UnitOfWork
from opengateway.kit.ids import IdSource


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[ControlHouse]:
    async with control_in(tmp_path) as made:
        yield made


def test_a_route_that_does_not_say_who_may_call_it_is_not_served() -> None:
    inner, outer = APIRouter(), APIRouter()

    async def answer() -> None: ...

    inner.add_api_route("/said", answer, openapi_extra=access(Access.INTERNAL))
    outer.include_router(inner, prefix="/x")
    assert require_declared(outer, {Access.INTERNAL}) == ["GET /x/said internal"]
    with pytest.raises(AssertionError, match="is internal in this app"):
        require_declared(outer, {Access.PUBLIC})
    inner.add_api_route("/unsaid", answer)
    with pytest.raises(AssertionError, match="'GET /x/unsaid' does not declare"):
        require_declared(outer, {Access.INTERNAL})


async def test_no_internal_route_is_on_the_public_app(house: ControlHouse) -> None:
    internal = require_declared(house.internal_app.router, set(Access) - {Access.SIGNED_IN})
    public = require_declared(house.public_app.router, set(Access) - {Access.INTERNAL})
    assert len(internal) >= 11
    assert not {r.split()[1] for r in internal} & {r.split()[1] for r in public}
    for route in internal:
        method, path, *_ = route.split()
        assert (await call(house.public_app, method, path)).status in (404, 405)


async def test_the_public_api_describes_itself(house: ControlHouse) -> None:
    document = (await call(house.public_app, "GET", "/api/v1/openapi.json")).json()
    assert document["openapi"].startswith("3.1")
    assert {"/api/v1/version", "/api/v1/openapi.json"} < set(document["paths"])
    version = await call(house.public_app, "GET", "/api/v1/version")
    assert version.json() == {"version": document["info"]["version"], "zone": "test"}


async def test_what_is_new_is_what_the_build_said(house: ControlHouse, tmp_path: Path) -> None:
    house.public_app.state.assets = tmp_path
    nothing = await call(house.public_app, "GET", "/api/v1/whats-new")
    assert nothing.json() == {"data": []}
    told = [{"version": "1.2.0", "date": "2099-01-02", "entries": [{"kind": "fix", "text": "X."}]}]
    house.public_app.state.assets = tmp_path / "built"
    (tmp_path / "built").mkdir()
    (tmp_path / "built/whats-new.json").write_text(json.dumps(told))
    answer = await call(house.public_app, "GET", "/api/v1/whats-new")
    assert answer.json() == {"data": told}


async def test_errors_of_the_api_are_typed_and_name_the_request(house: ControlHouse) -> None:
    for method, path, status, code in (
        ("GET", "/api/v1/nothing", 404, "not_found"),
        ("POST", "/api/v1/version", 405, "method_not_allowed"),
    ):
        reply = await call(house.public_app, method, path)
        error = reply.json()["error"]
        assert (reply.status, error["code"]) == (status, code)
        assert set(error) == {"type", "code", "message", "param", "request_id"}
        assert error["request_id"] == reply.headers["x-request-id"]


async def test_people_get_a_page_that_runs_nothing(house: ControlHouse) -> None:
    reply = await call(house.public_app, "GET", "/<script>alert(1)</script>")
    assert (reply.status, reply.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "<script>" not in reply.text
    assert reply.headers["content-security-policy"].startswith("default-src 'none'")
    assert reply.headers["x-content-type-options"] == "nosniff"


async def test_a_body_that_is_too_large_is_refused(house: ControlHouse) -> None:
    body = b"x" * (32 * 1024 * 1024 + 1)
    query = f"gateway=gw_{'1' * 32}&segment=segment-00000001.ogj&offset=0"
    journal = await call(house.internal_app, "POST", f"/internal/v1/journal?{query}", body=body)
    assert (journal.status, journal.json()["error"]["code"]) == (413, "request_too_large")
    keys = await call(
        house.internal_app,
        "POST",
        "/internal/v1/keys",
        body=body,
        headers={"content-type": "application/json"},
    )
    assert (keys.status, keys.json()["error"]["code"]) == (413, "request_too_large")


async def test_what_is_not_json_is_the_callers_fault(house: ControlHouse) -> None:
    reply = await call(
        house.internal_app,
        "POST",
        "/internal/v1/keys",
        body=b'{"team": ',
        headers={"content-type": "application/json"},
    )
    assert (reply.status, reply.json()["error"]["code"]) == (400, "invalid_request")


async def test_a_locked_store_is_503_and_over_when_the_lock_is(
    house: ControlHouse, tmp_path: Path
) -> None:
    async with house.parts.database.write() as session:
        await session.execute(text("PRAGMA busy_timeout=1"))
    stranger = sqlite3.connect(tmp_path / "control" / "control.sqlite3", isolation_level=None)
    stranger.execute("BEGIN IMMEDIATE")
    wanted = {"team": "a", "name": "k"}

    async def create() -> Reply:
        return await call(house.internal_app, "POST", "/internal/v1/keys", payload=wanted)

    reply = await create()
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
    assert reply.json()["error"]["code"] == "control_store_unavailable"
    # Reading goes on meanwhile.
    assert (await call(house.internal_app, "GET", "/internal/v1/key-table")).status == 200
    stranger.execute("ROLLBACK")
    stranger.close()
    assert (await create()).status == 201


def app_with(house: ControlHouse, router: APIRouter) -> FastAPI:
    app = FastAPI(
        middleware=[
            Middleware(ControlEdge, new_id=IdSource(), max_body_bytes=10, pages=False),
            Middleware(
                UnitOfWork, database=house.parts.database, new_scope=lambda s, after: (s, after)
            ),
        ]
    )
    app.include_router(router)
    install_errors(app)
    return app


async def test_a_bug_is_a_500_that_tells_nothing_and_keeps_nothing(house: ControlHouse) -> None:
    router = APIRouter()
    woken: list[str] = []

    @router.post("/break")
    async def broken(request: Request) -> None:
        session, after_commit = request.state.scope
        await session.execute(
            text("INSERT INTO teams (id, name, created_at_ns) VALUES ('team_x', 'x', 0)")
        )
        after_commit(lambda: woken.append("x"))
        raise ZeroDivisionError("secret detail")

    reply = await call(app_with(house, router), "POST", "/break")
    error = reply.json()["error"]
    assert (reply.status, error["code"]) == (500, "internal_error")
    assert "secret" not in reply.text
    async with house.parts.database.read() as session:
        assert await session.scalar(text("SELECT count(*) FROM teams")) == 0
    assert woken == []


async def test_the_commit_comes_before_the_answer_and_its_failure_is_told(
    house: ControlHouse,
) -> None:
    router = APIRouter()
    order: list[str] = []

    @router.post("/write")
    async def write(request: Request, team: str) -> str:
        session, after_commit = request.state.scope
        await session.execute(text("PRAGMA defer_foreign_keys=ON"))
        await session.execute(
            text(
                "INSERT INTO api_keys (id, team_id, name, kind, digest, pepper_version, hint,"
                " models, disabled, created_at_ns) VALUES ('key_' || :team, :team, 'n',"
                " 'inference', :team, 1, 'h', '[]', 0, 0)"
            ),
            {"team": team},
        )
        after_commit(lambda: order.append("committed"))
        return "done"

    app = app_with(house, router)
    # A deferred constraint fails at the commit itself: the caller must not have been told 200.
    failed = await call(app, "POST", "/write?team=team_none")
    assert failed.status == 500
    assert order == []
    async with house.parts.database.write() as session:
        await session.execute(
            text("INSERT INTO teams (id, name, created_at_ns) VALUES ('team_real', 'x', 0)")
        )
        await session.commit()
    assert (await call(app, "POST", "/write?team=team_real")).status == 200
    assert order == ["committed"]


async def test_reads_do_not_wait_for_a_writer(house: ControlHouse) -> None:
    async with house.parts.database.write() as session:
        await session.execute(
            text("INSERT INTO teams (id, name, created_at_ns) VALUES ('team_x', 'x', 0)")
        )
        replies: list[Any] = await asyncio.wait_for(
            asyncio.gather(
                *(call(house.internal_app, "GET", "/internal/v1/status") for _ in range(10))
            ),
            1,
        )
    assert {json.loads(r.body)["zone"] for r in replies} == {"test"}
