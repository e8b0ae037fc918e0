from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from asgi_client import Reply, call
from authenticator import Device
from sign_in_desk import EMAIL, Desk, desk_in


@pytest.fixture
async def desk(tmp_path: Path, store_url: str) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path, store_url, mail=False) as made:
        yield made


async def operator(desk: Desk, path: str, payload: object = None) -> Reply:
    return await call(desk.house.internal_app, "POST", f"/internal/v1{path}", payload=payload)


async def test_the_first_start_makes_an_owner_once(desk: Desk) -> None:
    replies = await asyncio.gather(*(operator(desk, "/first-start") for _ in range(3)))
    assert sorted(r.status for r in replies) == [201, 204, 204]
    (told,) = [r.json() for r in replies if r.status == 201]
    browser = desk.browser()
    await browser.sign_in(told["owner"]["email"], told["owner"]["password"])
    me: Any = await browser.done("GET", "/me")
    assert me["platform_role"] == "platform_admin"
    assert [(t["id"], t["role"]) for t in me["teams"]] == [(told["team_id"], "owner")]
    keys = (await browser.done("GET", f"/teams/{told['team_id']}/keys"))["data"]
    assert [k["id"] for k in keys] == [told["id"]]
    assert (await operator(desk, "/first-start")).status == 204


async def test_a_home_that_has_people_gets_no_second_owner(desk: Desk) -> None:
    await desk.account()
    told = (await operator(desk, "/first-start")).json()
    assert told["owner"] is None
    assert told["key"]


async def test_the_operator_makes_an_admin_and_lets_one_in_again(desk: Desk) -> None:
    made = (await operator(desk, "/admins", {"email": EMAIL})).json()
    browser = desk.browser()
    await browser.sign_in(made["email"], made["password"])
    assert (await browser.done("GET", "/me"))["platform_role"] == "platform_admin"
    taken = await operator(desk, "/admins", {"email": EMAIL})
    assert (taken.status, taken.json()["error"]["code"]) == (409, "email_taken")

    told = await browser.done("POST", "/me/passkeys/options")
    await browser.done("POST", "/me/passkeys", {"credential": Device().create(told)})
    again = (await operator(desk, "/admins", {"email": EMAIL, "again": True})).json()
    assert again["user_id"] == made["user_id"]
    assert (await browser.refused("GET", "/me"))[0] == 401
    assert (await desk.browser().sign_in(EMAIL, again["password"]))["status"] == "signed_in"
    lost = await operator(desk, "/admins", {"email": "nobody@example.com", "again": True})
    assert (lost.status, lost.json()["error"]["code"]) == (404, "user_not_found")


async def test_nothing_of_this_is_on_the_public_app(desk: Desk) -> None:
    for path in ("/internal/v1/first-start", "/internal/v1/admins", "/api/v1/admins"):
        reply = await call(desk.house.public_app, "POST", path, payload={"email": EMAIL})
        assert reply.status in (404, 405)
