"""What a person does in the web app, and what is watched meanwhile."""

from __future__ import annotations

import base64
import hmac
import json
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml
from playwright.sync_api import Browser, BrowserContext, Page, expect

from e2e.product import ROOT, Product, Zone, run

SCREENSHOTS = ROOT / "build" / "screens"
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
WIDE, NARROW = 1440, 360
expect.set_options(timeout=15_000)  # for a machine that does other things too


class WebZone(Zone):
    """A zone whose pages a browser takes for a secure context: passkeys and the clipboard work."""

    def write(self, port: int, metrics_port: int) -> Path:
        path = super().write(port, metrics_port)
        document = yaml.safe_load(path.read_text())
        document["listen"]["public_url"] = f"http://localhost:{port}"
        path.write_text(yaml.safe_dump(document))
        return path


@dataclass
class Watched:
    """What a page did that no page of ours may do."""

    origin: str
    elsewhere: str = ""
    """Where a page of ours may send its reader: the processor of payments."""
    found: list[str] = field(default_factory=list)
    expected: tuple[str, ...] = ("status of 401", "status of 403", "status of 404")
    """What the browser says of answers that the app expects, such as `/me` of a stranger."""

    def page(self, page: Page) -> Page:
        page.on("console", lambda said: self._said(said.type, said.text))
        page.on("pageerror", lambda error: self.found.append(f"error: {error}"))
        page.on("request", lambda asked: self._asked(asked.url))
        return page

    def _said(self, kind: str, text: str) -> None:
        if kind in ("error", "warning") and not any(e in text for e in self.expected):
            self.found.append(f"{kind}: {text}")

    def _asked(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("data", "blob") and f"{parts.scheme}://{parts.netloc}" not in (
            self.origin,
            self.elsewhere,
        ):
            self.found.append(f"foreign: {url}")


@dataclass
class Person:
    """Somebody in front of a browser of their own."""

    context: BrowserContext
    page: Page
    origin: str
    watched: Watched

    def go(self, path: str) -> None:
        self.page.goto(self.origin + path)
        self.page.wait_for_selector("h1")

    def sign_in(self, email: str, password: str) -> None:
        self.page.get_by_label("E-mail").fill(email)
        self.page.get_by_label("Password", exact=True).fill(password)
        self.page.get_by_role("button", name="Sign in", exact=True).click()

    def sign_out(self, name: str) -> None:
        self.page.get_by_role("button", name=f"{name} {name}@example.com").click()
        self.page.get_by_role("menuitem", name="Sign out").click()
        expect(self.page.get_by_role("heading", name="Sign in", exact=True)).to_be_visible()

    def open(self, link: str, heading: str | None = None) -> None:
        self.page.get_by_role("link", name=link, exact=True).first.click()
        expect(
            self.page.get_by_role("heading", name=heading or link, exact=True).first
        ).to_be_visible()

    def told(self, text: str) -> None:
        expect(self.page.get_by_text(text).first).to_be_visible()

    def api(self, path: str) -> Any:
        """What the API says to this person's session."""
        answer = self.context.request.get(self.origin + path)
        assert answer.ok, (path, answer.status, answer.text())
        return answer.json()

    def fails(self, pattern: str, path: str) -> None:
        """Open a page while what it reads answers 500: it says so, and recovers when asked to."""
        self.watched.expected += ("status of 500",)
        body = '{"error":{"code":"internal_error","message":"ours","request_id":"req_1"}}'
        answer = {"status": 500, "content_type": "application/json", "body": body}
        self.page.route(pattern, lambda route: route.fulfill(**answer))
        self.page.goto(self.origin + path)
        self.told("That did not work")
        self.page.unroute_all()
        self.page.get_by_role("button", name="Try again").first.click()
        expect(self.page.get_by_text("That did not work")).to_have_count(0)

    @property
    def team_id(self) -> str:
        return urlsplit(self.page.url).path.split("/")[2]


@contextmanager
def person(browser: Browser, origin: str, **options: Any) -> Iterator[Person]:
    """Fails at the end if a page said an error, broke the content policy or asked a foreign origin."""
    watched = Watched(origin)
    context = browser.new_context(viewport={"width": WIDE, "height": 900}, **options)
    context.set_default_timeout(15_000)
    try:
        yield Person(context, watched.page(context.new_page()), origin, watched)
        assert watched.found == [], watched.found
    finally:
        context.close()


def admin(site: Product, email: str) -> str:
    """The password of a new account without a team."""
    done = run("admin", "create", "--zone", str(site.zone_file), "--email", email, "--json")
    made: dict[str, str] = json.loads(done.stdout)
    return made["password"]


def grant(site: Product, team: str, usd: str) -> None:
    run("credits", "grant", "--zone", str(site.zone_file), "--team", team, "--usd", usd, "--json")


def found_team(someone: Person, email: str, password: str, team: str) -> None:
    """Sign in for the first time, and make the team that is asked for then."""
    someone.go("/sign-in")
    someone.sign_in(email, password)
    someone.page.get_by_label("Name of the team").fill(team)
    someone.page.get_by_role("button", name="Create team").click()
    someone.told("First call")


@cache
def _axe() -> str:
    return AXE.read_text()


def faults(page: Page, *, over: bool = False) -> list[str]:
    """What axe-core finds wrong with the page as it stands. The policy lets no page load it, so it
    comes in by the debugger. What opens `over` a page lies outside its landmarks, as it should: there the
    rules of WCAG alone."""
    page.evaluate(_axe())
    result = page.evaluate(
        "rules => axe.run(document, {runOnly: rules})",
        [*WCAG, *([] if over else ["best-practice"])],
    )
    return [
        f"{violation['id']}: {node['html'][:200]}"
        for violation in result["violations"]
        for node in violation["nodes"]
    ]


def totp(secret: str, at_s: float | None = None) -> str:
    """RFC 6238, as an authenticator app does it."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    counter = int((time.time() if at_s is None else at_s) // 30)
    digest = hmac.digest(key, struct.pack(">Q", counter), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return f"{number % 1_000_000:06}"
