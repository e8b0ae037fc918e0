"""Every page in three languages, both themes, wide and narrow: whole, readable by machines, ours alone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Route, expect

from e2e.operating import SOAK
from e2e.product import Product
from e2e.web.browsing import (
    NARROW,
    SCREENSHOTS,
    WIDE,
    Person,
    admin,
    faults,
    found_team,
    grant,
    person,
)

pytestmark = pytest.mark.slow
THEMES = ("light", "dark")
DRESSES = [("en", "dark"), ("ko", "light"), ("ja", "dark")]
"""Each language and each theme; all six with `make soak`."""
if SOAK:
    DRESSES += [("en", "light"), ("ko", "dark"), ("ja", "light")]
STRANGERS = {
    "sign-in": "/sign-in",
    "sign-up": "/sign-up#token=ogi_1",
    "reset-password": "/reset-password#token=1",
    "verify-email": "/verify-email#token=1",
    "invitation": "/invitations/accept#token=ogi_1",
    "not-found": "/no/such/page",
    "status": "/status",
}
TEAM = {
    "home": "",
    "keys": "/keys",
    "members": "/members",
    "balance": "/balance",
    "billing": "/billing",
    "credentials": "/credentials",
    "dashboard": "/dashboard",
    "logs": "/logs",
    "sessions": "/sessions",
    "playground": "/playground",
    "models": "/models",
    "audit": "/audit",
    "settings": "/settings",
}
DESK = {
    "admin-overview": "",
    "admin-teams": "/teams",
    "admin-users": "/users",
    "admin-providers": "/providers",
    "admin-models": "/models",
    "admin-routing": "/routing",
    "admin-announcements": "/announcements",
    "admin-checks": "/checks",
    "admin-system": "/system",
    "admin-prices": "/prices",
    "admin-campaigns": "/campaigns",
    "admin-approvals": "/approvals",
    "admin-smoke": "/smoke",
    "admin-audit": "/audit",
}
READS = {
    "keys": "**/api/v1/teams/*/keys?*",
    "members": "**/api/v1/teams/*/members?*",
    "balance": "**/api/v1/teams/*/balance",
}
EMAIL = "hana@example.com"


@pytest.fixture(scope="module")
def hana(browser: Browser, origin: str, site: Product) -> Iterator[Person]:
    """The owner of a team in which there is something to see on every page."""
    with person(browser, origin) as someone:
        found_team(someone, EMAIL, admin(site, EMAIL), "검색 · 検索 · Search")
        grant(site, someone.team_id, "250")
        token = someone.api("/api/v1/me")["csrf_token"]
        base = f"{origin}/api/v1/teams/{someone.team_id}"

        def make(path: str, body: dict[str, Any]) -> None:
            headers = {"x-csrf-token": token, "origin": origin}
            answer = someone.context.request.post(base + path, data=body, headers=headers)
            assert answer.ok, (path, answer.text())

        make("/keys", {"name": "search-service", "limit_usd": "50", "limit_reset": "monthly"})
        make(
            "/keys",
            {"name": "밤마다 도는 배치 작업", "rpm": 600, "tpm": 2_000_000, "concurrency": 8},
        )
        make("/keys", {"name": "夜間バッチ", "models": ["lab/chat"], "ips": ["203.0.113.0/24"]})
        make("/keys", {"name": "terraform", "kind": "management"})
        make("/invitations", {"email": "jun@example.com", "role": "admin"})
        make("/budgets", {"scope": "team", "period": "month", "limit_nanos": 400_000_000_000})
        make("/budgets", {"scope": "team", "period": "day", "limit_nanos": 1, "mode": "alert"})
        yield someone


@pytest.fixture
def stranger(browser: Browser, origin: str) -> Iterator[Person]:
    with person(browser, origin) as someone:
        yield someone


def turn(pages: dict[str, str], language: str, theme: str) -> dict[str, str]:
    """In a fast run each page wears one dress, and the next page the next; with `make soak` all wear all."""
    if SOAK:
        return pages
    at = DRESSES.index((language, theme))
    return dict(list(pages.items())[at :: len(DRESSES)])


def dress(someone: Person, language: str, theme: str) -> None:
    someone.go("/no/such/page")
    someone.page.evaluate(
        "([language, theme]) => { localStorage.setItem('opengateway-language', language);"
        " localStorage.setItem('opengateway-theme', theme); }",
        [language, theme],
    )


def look(someone: Person, name: str, path: str, language: str, theme: str) -> list[str]:
    """Go there, wide and narrow; take pictures; return what is wrong."""
    page, wrong = someone.page, []
    someone.go(path)
    for width in (WIDE, NARROW):
        page.set_viewport_size({"width": width, "height": 900})
        expect(page.get_by_role("status", name="Loading")).to_have_count(0)
        page.wait_for_load_state("networkidle")
        if width == WIDE or SOAK:  # the words differ, not the bones
            wrong += [f"{name} {language} {theme} {width}: {fault}" for fault in faults(page)]
        wide = page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        if wide > 0:
            wrong.append(f"{name} {language} {width}: {wide} px too wide")
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        picture = SCREENSHOTS / f"{name}-{language}-{theme}-{width}.png"
        page.screenshot(path=picture, full_page=True)
    assert page.evaluate("document.documentElement.lang") == language
    shown = page.evaluate("document.documentElement.dataset.mantineColorScheme")
    assert shown == theme
    return wrong


@pytest.mark.parametrize(("language", "theme"), DRESSES)
def test_the_pages_of_a_stranger_are_whole_and_accessible(
    stranger: Person, language: str, theme: str
) -> None:
    dress(stranger, language, theme)
    wrong = [
        fault
        for name, path in turn(STRANGERS, language, theme).items()
        for fault in look(stranger, name, path, language, theme)
    ]
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize(("language", "theme"), DRESSES)
def test_the_pages_of_a_member_are_whole_and_accessible(
    hana: Person, language: str, theme: str
) -> None:
    team = hana.api("/api/v1/me")["teams"][0]["id"]
    dress(hana, language, theme)
    pages = {name: f"/teams/{team}{path}" for name, path in TEAM.items()}
    pages |= {"profile": "/profile", "new-team": "/teams/new"}
    pages |= {name: f"/admin{path}" for name, path in DESK.items()}
    wrong = [
        fault
        for name, path in turn(pages, language, theme).items()
        for fault in look(hana, name, path, language, theme)
    ]
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("theme", THEMES)
def test_what_opens_over_a_page_is_accessible_too(hana: Person, theme: str) -> None:
    page = hana.page
    team = hana.api("/api/v1/me")["teams"][0]["id"]
    dress(hana, "en", theme)
    page.set_viewport_size({"width": WIDE, "height": 900})
    wrong: list[str] = []

    def take(name: str) -> None:
        page.wait_for_timeout(
            300
        )  # what moves in has arrived: contrast is measured on what is seen
        wrong.extend(f"{name} {theme}: {fault}" for fault in faults(page, over=True))
        page.screenshot(path=SCREENSHOTS / f"{name}-en-{theme}-{page.viewport_size['width']}.png")  # type: ignore[index]
        page.keyboard.press("Escape")

    hana.go(f"/teams/{team}/keys")
    page.get_by_role("button", name="New key").first.click()
    take("key-drawer")
    page.get_by_role("button", name="Actions for search-service").click()
    take("key-menu")
    for action in ("Rotate", "Disable", "Revoke"):
        page.get_by_role("button", name="Actions for search-service").click()
        page.get_by_role("menuitem", name=action).click()
        take(f"key-{action.lower()}")
    hana.go(f"/teams/{team}/balance")
    page.get_by_role("button", name="New budget").click()
    take("budget-new")
    page.set_viewport_size({"width": NARROW, "height": 900})
    page.get_by_role("button", name="Open the menu").click()
    take("menu")
    hana.go(f"/teams/{team}/keys")
    page.get_by_role("button", name="New key").first.click()
    take("key-drawer")
    assert wrong == [], "\n".join(wrong)


@pytest.mark.parametrize("name", READS)
def test_a_page_whose_data_does_not_come_says_so_and_recovers(hana: Person, name: str) -> None:
    page = hana.page
    team = hana.api("/api/v1/me")["teams"][0]["id"]
    dress(hana, "en", "light")
    hana.watched.expected += ("status of 500",)

    def fail(route: Route) -> None:
        body = (
            '{"error":{"code":"internal_error","message":"an error of ours","request_id":"req_1"}}'
        )
        route.fulfill(status=500, content_type="application/json", body=body)

    page.route(READS[name], fail)
    hana.go(f"/teams/{team}{TEAM[name]}")
    alert = page.get_by_role("alert").first
    expect(alert.get_by_text("req_1")).to_be_visible()
    assert faults(page) == []
    page.screenshot(path=SCREENSHOTS / f"{name}-error-en-light-{WIDE}.png")
    page.unroute(READS[name], fail)
    alert.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_pages_of_a_team_without_anything_invite_to_begin(
    browser: Browser, origin: str, site: Product
) -> None:
    with person(browser, origin) as someone:
        found_team(someone, "new@example.com", admin(site, "new@example.com"), "Empty")
        for path, text in {
            "keys": "No keys yet",
            "balance": "There are no credits.",
            "members": "An invitation works once",
        }.items():
            someone.go(f"/teams/{someone.team_id}/{path}")
            someone.told(text)
            assert faults(someone.page) == []
            someone.page.screenshot(path=SCREENSHOTS / f"{path}-empty-en-light-{WIDE}.png")


def test_a_lost_network_and_a_control_plane_that_is_away_are_told_of(hana: Person) -> None:
    page = hana.page
    dress(hana, "en", "light")
    page.set_viewport_size({"width": WIDE, "height": 900})
    hana.watched.expected += ("status of 503", "ERR_INTERNET_DISCONNECTED")
    hana.go("/profile")
    with ExitStack() as back:
        hana.context.set_offline(True)
        back.callback(hana.context.set_offline, False)
        hana.told("You are offline.")
        page.screenshot(path=SCREENSHOTS / f"offline-en-light-{WIDE}.png")
    expect(page.get_by_text("You are offline.")).to_have_count(0)
    page.route("**/api/v1/**", lambda route: route.fulfill(status=503, body="{}"))
    page.get_by_role("link", name="API keys").click()
    hana.told("The control plane does not answer. Requests to models go on")
    assert faults(page) == []
    page.unroute_all()
    expect(page.get_by_text("Requests to models go on")).to_have_count(0, timeout=15_000)


def test_a_page_can_be_used_by_keyboard_alone(hana: Person) -> None:
    page = hana.page
    team = hana.api("/api/v1/me")["teams"][0]["id"]
    dress(hana, "en", "light")
    page.set_viewport_size({"width": WIDE, "height": 900})
    hana.go(f"/teams/{team}/keys")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="New key")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog").get_by_label("Name", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="New key")).to_be_focused()


def test_the_policy_lets_no_inline_script_run(stranger: Person) -> None:
    stranger.watched.expected += ("Content Security Policy",)
    stranger.go("/sign-in")
    stranger.page.evaluate(
        "() => { const s = document.createElement('script'); s.textContent = 'window.ran = 1';"
        " document.head.append(s); document.body.insertAdjacentHTML('beforeend',"
        " '<img src=x onerror=\"window.ran = 2\">'); }"
    )
    stranger.page.wait_for_timeout(100)
    assert stranger.page.evaluate("window.ran") is None
