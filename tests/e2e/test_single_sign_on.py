"""Single sign-on against a provider that somebody else wrote: npm oidc-provider."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import aiohttp
import pytest

from opengateway.control.identity.settings import OidcGrant, OidcSettings
from opengateway.infra.identity_provider import ProviderAccess
from opengateway.kit.clock import SystemClock
from sign_in_desk import Browser, Desk, desk_in

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
OURS = "http://localhost:8080"
CALLBACK = f"{OURS}/api/v1/auth/oidc/callback"
SECRET = "a client secret of forty-two characters, more"
ACCOUNTS = {
    "mina": {"email": "Mina@Example.com", "email_verified": True, "name": "Mina Kim"},
    "jun": {"email": "jun@example.com", "email_verified": False, "name": "Jun"},
    "aoi": {"email": "aoi@elsewhere.example", "email_verified": True, "groups": ["gateway"]},
    "eve": {"email": "eve@elsewhere.example", "email_verified": True, "groups": ["other"]},
}


@dataclass(frozen=True)
class Provider:
    issuer: str

    async def walk(self, url: str, account: str) -> str:
        """What a person does there: sign in, agree. The address that the browser is sent back to."""
        jar = aiohttp.CookieJar(unsafe=True)
        async with aiohttp.ClientSession(cookie_jar=jar) as session:
            method, form = "GET", None
            for _ in range(20):
                if not url.startswith(self.issuer):
                    return url
                async with session.request(method, url, data=form, allow_redirects=False) as reply:
                    text = await reply.text()
                    method, form = "GET", None
                    if reply.status in (302, 303):
                        url = urljoin(url, reply.headers["location"])
                        continue
                    found = re.search(r'action="([^"]+)"', text)
                    assert found, (reply.status, text[:500])
                    url, method = urljoin(url, unescape(found[1])), "POST"
                    login = 'name="login"' in text
                    form = {"prompt": "login" if login else "consent"}
                    form |= {"login": account, "password": "x"} if login else {}
        raise AssertionError("the provider never sends the browser back")


def provider(*, claims_in_token: bool) -> Iterator[Provider]:
    node = os.environ.get("OPENGATEWAY_TEST_NODE", str(ROOT / ".tools/node/bin/node"))
    told = {
        "secret": SECRET,
        "redirect_uris": [CALLBACK],
        "accounts": ACCOUNTS,
        "claims_in_token": claims_in_token,
    }
    process = subprocess.Popen(
        [node, "identity.mjs", json.dumps(told)],
        cwd=Path(__file__).parent / "node",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield Provider(process.stdout.readline().strip())
    finally:
        process.stdin.close()
        process.wait(10)
        process.stdout.close()


@pytest.fixture(scope="module", params=["claims in the token", "claims from userinfo"])
def idp(request: pytest.FixtureRequest) -> Iterator[Provider]:
    yield from provider(claims_in_token=request.param == "claims in the token")


@asynccontextmanager
async def zone(idp: Provider, home: Path, **differs: Any) -> AsyncIterator[Desk]:
    oidc = OidcSettings(
        issuer=idp.issuer,
        client_id="opengateway",
        client_secret=SECRET,
        name="House",
        grants=(OidcGrant("gateway", "Research", "viewer"),),
    )
    access = ProviderAccess(idp.issuer, "opengateway", SECRET)
    terms = {"domains": ("example.com",), "oidc": oidc, **differs}
    async with desk_in(home, clock=SystemClock(), provider=access, **terms) as desk:
        yield desk


async def begin(browser: Browser, **query: str) -> str:
    reply = await browser.ask("GET", f"/auth/oidc/start?{urlencode(query)}")
    assert reply.status == 303, reply.text
    return reply.headers["location"]


async def come_back(browser: Browser, url: str) -> Any:
    """The end of the trip, as our page is told it: where to, and why not."""
    assert url.startswith(CALLBACK), url
    reply = await browser.ask("GET", url.removeprefix(OURS))
    if reply.status == 303:
        return reply.headers["location"].removeprefix(OURS)
    found = re.search(r"/sign-in\?error=([a-z_]+)", reply.text)
    assert found, reply.text
    assert "og_session" not in browser.jar
    return found[1]


async def trip(desk: Desk, idp: Provider, account: str, **query: str) -> tuple[Browser, Any]:
    browser = desk.browser()
    url = await idp.walk(await begin(browser, **query), account)
    return browser, await come_back(browser, url)


async def test_somebody_of_the_domain_comes_in_and_is_known_again(
    idp: Provider, tmp_path: Path
) -> None:
    async with zone(idp, tmp_path) as desk:
        browser, where = await trip(desk, idp, "mina", return_to="/teams?x=1")
        assert where == "/teams?x=1"
        me = await browser.done("GET", "/me")
        assert (me["user"]["email"], me["user"]["name"]) == ("mina@example.com", "Mina Kim")
        assert me["user"]["email_verified"]
        again, _ = await trip(desk, idp, "mina")
        assert (await again.done("GET", "/me"))["user"]["id"] == me["user"]["id"]
        assert len(await desk.people.rows("SELECT subject FROM oidc_identities")) == 1


async def test_the_request_carries_what_binds_it_to_this_browser(
    idp: Provider, tmp_path: Path
) -> None:
    async with zone(idp, tmp_path) as desk:
        seen = []
        for _ in range(2):
            browser = desk.browser()
            query = parse_qs(urlsplit(await begin(browser, fresh="true")).query)
            assert query["code_challenge_method"] == ["S256"]
            assert query["response_type"] == ["code"]
            assert query["redirect_uri"] == [CALLBACK]
            assert query["prompt"] == ["login"]
            seen += [query[n][0] for n in ("state", "nonce", "code_challenge")]
            for secret in seen:
                assert secret not in browser.jar["og_flow"]
        assert len(set(seen)) == 6
        assert all(len(value) == 43 for value in seen)


async def test_a_code_serves_once_and_only_in_the_browser_that_began(
    idp: Provider, tmp_path: Path
) -> None:
    async with zone(idp, tmp_path) as desk:
        browser = desk.browser()
        url = await idp.walk(await begin(browser), "mina")
        kept = dict(browser.jar)
        assert await come_back(desk.browser(), url) == "challenge_expired"
        other = desk.browser()
        await begin(other)
        assert await come_back(other, url) == "single_sign_on_failed"  # another state
        assert await come_back(browser, url) == "/"
        assert "og_flow" not in browser.jar
        assert await come_back(desk.browser(jar=kept), url) == "single_sign_on_failed"


async def test_without_the_right_verifier_the_provider_keeps_its_word(
    idp: Provider, tmp_path: Path
) -> None:
    """PKCE at work on both sides: a code that was begun with another challenge, and none at all."""
    async with zone(idp, tmp_path) as desk:
        browser = desk.browser()
        target = await begin(browser)
        parts = urlsplit(target)
        query = {k: v[0] for k, v in parse_qs(parts.query).items()}
        other = {**query, "code_challenge": "x" * 43}
        url = await idp.walk(f"{idp.issuer}{parts.path}?{urlencode(other)}", "mina")
        assert await come_back(browser, url) == "single_sign_on_failed"
        without = {k: v for k, v in query.items() if not k.startswith("code_challenge")}
        url = await idp.walk(f"{idp.issuer}{parts.path}?{urlencode(without)}", "mina")
        assert "error=invalid_request" in url
        assert "code=" not in url


async def test_another_nonce_or_issuer_or_a_refusal_lets_nobody_in(
    idp: Provider, tmp_path: Path
) -> None:
    async with zone(idp, tmp_path) as desk:
        browser = desk.browser()
        target = await begin(browser)
        nonce = parse_qs(urlsplit(target).query)["nonce"][0]
        url = await idp.walk(target.replace(nonce, "n" * 43), "mina")
        assert await come_back(browser, url) == "single_sign_on_failed"
        for change in ("iss=https%3A%2F%2Fevil.example", ""):
            browser = desk.browser()
            url = await idp.walk(await begin(browser), "mina")
            told = re.sub(r"iss=[^&]+", change, url)
            assert told != url
            assert await come_back(browser, told) == "single_sign_on_failed"
        browser = desk.browser()
        state = parse_qs(urlsplit(await begin(browser)).query)["state"][0]
        issuer = urlencode({"iss": idp.issuer})
        refused = f"{CALLBACK}?error=access_denied&state={state}&{issuer}"
        assert await come_back(browser, refused) == "single_sign_on_failed"
        assert await desk.people.rows("SELECT id FROM users") == []


async def test_who_may_come_is_the_zones_to_say(idp: Provider, tmp_path: Path) -> None:
    async with zone(idp, tmp_path) as desk:
        team_id = await desk.people.team("Research", owner=await desk.people.person())
        # By a group, into its team, with its role.
        browser, where = await trip(desk, idp, "aoi")
        assert where == "/"
        teams = (await browser.done("GET", "/me"))["teams"]
        assert [(t["id"], t["role"]) for t in teams] == [(team_id, "viewer")]
        _, why = await trip(desk, idp, "eve")
        assert why == "sign_up_closed"
        _, why = await trip(desk, idp, "jun")
        assert why == "email_not_verified"


async def test_an_account_is_linked_only_where_both_sides_verified_the_address(
    idp: Provider, tmp_path: Path
) -> None:
    async with zone(idp, tmp_path) as desk:
        unverified = await desk.account("mina@example.com", verified=False)
        _, why = await trip(desk, idp, "mina")
        assert why == "account_not_linked"
        await desk.account("jun@example.com")
        _, why = await trip(desk, idp, "jun")
        assert why == "email_not_verified"
        async with desk.house.parts.database.write() as session:
            from sqlalchemy import text

            await session.execute(text("UPDATE users SET email_verified_at_ns = 1"))
            await session.commit()
        browser, _ = await trip(desk, idp, "mina")
        assert (await browser.done("GET", "/me"))["user"]["id"] == unverified


async def test_nobody_is_sent_elsewhere_from_here(idp: Provider, tmp_path: Path) -> None:
    async with zone(idp, tmp_path) as desk:
        for bad in ("//evil.example", "https://evil.example", "/\\evil.example", "/\nx", "x"):
            _, where = await trip(desk, idp, "mina", return_to=bad)
            assert where == "/"


async def test_a_zone_offers_what_it_has(idp: Provider, tmp_path: Path) -> None:
    async with zone(idp, tmp_path, password=False) as desk:
        told = await desk.browser().done("GET", "/auth/options")
        assert told["oidc"] == {"name": "House", "start_url": "/api/v1/auth/oidc/start"}
        assert not told["password"]
