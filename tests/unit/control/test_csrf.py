from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sign_in_desk import EMAIL, PASSWORD, Desk, desk_in

RIGHT = {"email": EMAIL, "password": PASSWORD}
OURS = "http://localhost:8080"


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as made:
        yield made


@pytest.mark.parametrize(
    ("site", "origin", "token", "allowed"),
    [
        ("same-origin", "", "ours", True),
        ("same-origin", "https://evil.example", "ours", True),  # the browser's own word counts
        ("", OURS, "ours", True),
        ("", OURS.upper(), "ours", True),
        ("same-site", OURS, "ours", False),
        ("cross-site", OURS, "ours", False),
        ("none", OURS, "ours", False),
        ("", "https://evil.example", "ours", False),
        ("", "http://localhost:8081", "ours", False),
        ("", "https://localhost:8080", "ours", False),
        ("", "null", "ours", False),
        ("", "", "ours", True),  # no browser, and it knows the token
        ("same-origin", "", "", False),
        ("same-origin", "", "another session's", False),
        ("same-origin", "", "the cookie", False),
        ("", OURS, "", False),
    ],
)
async def test_what_changes_something_needs_our_page_and_its_token(
    desk: Desk, site: str, origin: str, token: str, allowed: bool
) -> None:
    browser = await desk.signed_in()
    other = desk.browser()
    await other.sign_in()
    tokens = {"ours": browser.csrf, "another session's": other.csrf, "the cookie": browser.session}
    browser.csrf = tokens.get(token, "")
    headers = {"sec_fetch_site": site, "origin": origin}
    for method, path, payload in (
        ("PATCH", "/me", {"name": "M"}),
        ("POST", "/me/step-up", {"password": PASSWORD}),
        ("DELETE", "/me/sessions", None),
        ("POST", "/auth/sign-out", None),
    ):
        reply = await browser.ask(method, path, payload, **headers)
        if allowed:
            assert reply.status < 300, (path, reply.text)
        else:
            assert (reply.status, reply.json()["error"]["code"]) == (403, "cross_site_request")
    # Reading needs neither: a foreign page cannot read our answers.
    if not allowed:
        assert (await browser.ask("GET", "/me", **headers)).status == 200


@pytest.mark.parametrize(
    ("site", "origin", "allowed"),
    [
        ("same-origin", "", True),
        ("", OURS, True),
        ("", "", True),
        ("cross-site", "", False),
        ("same-site", "", False),
        ("", "https://evil.example", False),
        ("", "null", False),
    ],
)
async def test_no_foreign_page_signs_anybody_in(
    desk: Desk, site: str, origin: str, allowed: bool
) -> None:
    await desk.account()
    for path, payload in (
        ("/auth/sign-in", RIGHT),
        ("/auth/passkeys/options", None),
        ("/auth/password-reset", {"email": "nobody@example.com"}),
    ):
        browser = desk.browser()
        reply = await browser.ask("POST", path, payload, sec_fetch_site=site, origin=origin)
        assert (reply.status < 300) is allowed, reply.text
        assert bool(browser.jar) is (allowed and path != "/auth/password-reset")


async def test_a_form_cannot_sign_in(desk: Desk) -> None:
    """What a page can send without asking first is never JSON by its content type."""
    from asgi_client import call

    await desk.account()
    body = b'{"email": "mina@example.com", "password": "a heron waits in shallow water"}'
    for kind in ("text/plain", "application/x-www-form-urlencoded", ""):
        headers = {"content-type": kind} if kind else {}
        reply = await call(
            desk.house.public_app, "POST", "/api/v1/auth/sign-in", body=body, headers=headers
        )
        assert (reply.status, reply.cookies) == (400, ())


async def test_the_token_changes_with_the_session_and_tells_nothing_of_it(desk: Desk) -> None:
    first = await desk.signed_in()
    second = desk.browser()
    await second.sign_in()
    assert first.csrf != second.csrf
    assert first.session not in first.csrf


async def test_no_get_changes_anything(desk: Desk) -> None:
    """A link, a picture or a prefetch must not: only the way back from single sign-on writes."""
    from opengateway.control.access import declared_routes
    from opengateway.control.sign_in.routes import WRITING_GETS

    paths = {
        route.path
        for route in declared_routes(desk.house.public_app.router)
        if "GET" in route.methods
    }
    assert {path for path in paths if "callback" in path} == set(WRITING_GETS)
