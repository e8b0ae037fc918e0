"""What the platform's people do in the desk, each story checked through the API."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Route, expect

from e2e.product import Product
from e2e.web.browsing import Person, admin, found_team, person

pytestmark = pytest.mark.slow
EMAIL = "boss@example.com"
PAGES = {
    "teams": "**/api/v1/admin/teams?*",
    "users": "**/api/v1/admin/users?*",
    "providers": "**/api/v1/admin/providers",
    "campaigns": "**/api/v1/admin/campaigns?*",
    "audit": "**/api/v1/admin/audit?*",
}


@pytest.fixture(scope="module")
def boss(browser: Browser, origin: str, site: Product) -> Iterator[Person]:
    with person(browser, origin) as someone:
        found_team(someone, EMAIL, admin(site, EMAIL), "Desk team")
        yield someone


def test_a_team_is_given_credit_frozen_and_thawed(boss: Person) -> None:
    page = boss.page
    team = boss.api("/api/v1/me")["teams"][0]["id"]
    boss.go("/admin/teams")
    page.get_by_role("button", name="Desk team", exact=True).click()
    sheet = page.get_by_role("dialog", name="Desk team")
    sheet.get_by_label("Amount (USD)").fill("3.25")
    sheet.get_by_label("Reason, as the team reads it").fill("welcome")
    sheet.get_by_role("button", name="Book", exact=True).click()
    boss.told("Booked, or sent for approval.")
    balance = boss.api(f"/api/v1/admin/teams/{team}/balance")
    assert balance["available_nanos"] == 3_250_000_000
    sheet.get_by_label("Reason", exact=True).fill("a test")
    sheet.get_by_role("button", name="Freeze", exact=True).click()
    boss.told("The team is frozen.")
    assert boss.api(f"/api/v1/teams/{team}")["status"] == "frozen"
    sheet.get_by_label("Reason", exact=True).fill("done")
    sheet.get_by_role("button", name="Unfreeze the team").click()
    boss.told("The team works again.")
    assert boss.api(f"/api/v1/teams/{team}")["status"] == "active"


def test_somebody_is_given_a_platform_role(boss: Person, site: Product) -> None:
    page = boss.page
    admin(site, "helper@example.com")
    boss.go("/admin/users")
    page.get_by_role("combobox", name="Platform role of helper@example.com").click()
    page.get_by_role("option", name="Finance").locator("visible=true").click()
    boss.told("The role is changed.")
    users = boss.api("/api/v1/admin/users?limit=100")["data"]
    role = next(u["platform_role"] for u in users if u["email"] == "helper@example.com")
    assert role == "platform_finance"


def test_a_campaign_makes_codes_once_and_is_paused(boss: Person) -> None:
    page = boss.page
    boss.go("/admin/campaigns")
    page.get_by_role("button", name="New campaign").first.click()
    sheet = page.get_by_role("dialog", name="New campaign")
    sheet.get_by_label("Name", exact=True).fill("Spring")
    sheet.get_by_label("A code gives (USD)").fill("5")
    sheet.get_by_role("button", name="Create campaign").click()
    one = page.get_by_role("dialog", name="Spring")
    one.get_by_label("How many").fill("3")
    one.get_by_role("button", name="Generate").click()
    shown = one.get_by_role("group", name="Codes")
    expect(shown).to_have_text(re.compile(r"(OGC-[0-9A-Z-]+\s*){3}"))
    one.get_by_role("button", name="Pause").click()
    expect(one.get_by_role("button", name="Resume")).to_be_visible()
    (campaign,) = [c for c in boss.api("/api/v1/admin/campaigns")["data"] if c["name"] == "Spring"]
    assert (campaign["status"], campaign["amount_nanos"]) == ("paused", 5_000_000_000)


def test_a_provider_is_looked_at_and_tested(boss: Person) -> None:
    page = boss.page
    boss.go("/admin/providers")
    page.get_by_role("button", name="main", exact=True).click()
    sheet = page.get_by_role("dialog")
    expect(
        sheet.get_by_role("table", name="Endpoints").get_by_text("lab/chat").first
    ).to_be_visible()
    sheet.get_by_role("button", name="Test", exact=True).first.click()
    expect(sheet.get_by_role("status").filter(has_text="answered in")).to_be_visible()


def test_prices_in_force_are_shown_with_their_origin(boss: Person) -> None:
    page = boss.page
    boss.go("/admin/prices")
    page.get_by_label("Model", exact=True).fill("lab/chat")
    page.get_by_role("button", name="Show", exact=True).click()
    table = page.get_by_role("table", name="In force for lab/chat")
    expect(table.get_by_text("Zone file", exact=False).first).to_be_visible()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_of_the_desk_whose_data_does_not_come_says_so(boss: Person, path: str) -> None:
    page = boss.page
    boss.watched.expected += ("status of 500",)

    def fail(route: Route) -> None:
        body = '{"error":{"code":"internal_error","message":"ours","request_id":"req_1"}}'
        route.fulfill(status=500, content_type="application/json", body=body)

    page.route(PAGES[path], fail)
    page.goto(f"{boss.origin}/admin/{path}")
    boss.told("That did not work")
    page.unroute_all()
    page.get_by_role("button", name="Try again").first.click()
    expect(page.get_by_text("That did not work")).to_have_count(0)
