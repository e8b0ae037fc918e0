"""Requests, usage, money, the audit log and settings, as a team sees them."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from openai import OpenAI
from playwright.sync_api import Browser, Route, expect

from e2e.conftest import CHAT, TWO
from e2e.product import Product, Simulator, run, until
from e2e.web.browsing import Person, admin, found_team, grant, person

pytestmark = pytest.mark.slow
EMAIL = "yuna@example.com"
EMPTY = {
    "dashboard": "Nothing happened yet",
    "logs": "No request yet",
    "sessions": "No session in this period",
}
READS = {
    "dashboard": "**/api/v1/usage?*",
    "logs": "**/api/v1/logs?*",
    "sessions": "**/api/v1/usage?*",
    "audit": "**/api/v1/teams/*/audit?*",
    "settings": "**/api/v1/teams/team_*",
}


@pytest.fixture(scope="module")
def yuna(browser: Browser, origin: str, site: Product) -> Iterator[Person]:
    """The owner of a team with money that has asked nothing yet."""
    with person(browser, origin) as someone:
        found_team(someone, EMAIL, admin(site, EMAIL), "Office")
        grant(site, someone.team_id, "20")
        yield someone


@pytest.fixture
def team(yuna: Person) -> str:
    return str(yuna.api("/api/v1/me")["teams"][0]["id"])


def key_of(site: Product, team: str, name: str) -> str:
    made = run(
        "keys", "create", "--zone", str(site.zone_file), "--team", team, "--name", name, "--json"
    )
    secret: str = json.loads(made.stdout)["key"]
    until(lambda: site.knows(secret))
    return secret


def ask(site: Product, key: str, session: str = "ses-1", model: str = CHAT) -> str:
    """The id of a request that was answered."""
    client = OpenAI(base_url=f"{site.url}/v1", api_key=key, max_retries=0)
    answer = client.chat.completions.with_raw_response.create(
        model=model,
        messages=[{"role": "user", "content": "Hello"}],
        extra_headers={"x-session-id": session},
    )
    return answer.headers["x-request-id"]


@pytest.mark.parametrize("path", EMPTY)
def test_a_page_without_a_request_says_what_to_do(yuna: Person, team: str, path: str) -> None:
    yuna.go(f"/teams/{team}/{path}")
    yuna.told(EMPTY[path])


def test_a_request_is_found_in_the_log_and_read_in_full(
    yuna: Person, team: str, site: Product
) -> None:
    page = yuna.page
    request = ask(site, key_of(site, team, "reader"))
    until(lambda: yuna.api(f"/api/v1/logs?team_id={team}")["data"])
    yuna.go(f"/teams/{team}/logs")
    table = page.get_by_role("table", name="Requests")
    table.get_by_role("link", name=CHAT).first.click()
    expect(page.get_by_role("heading", name="Request", exact=True).first).to_be_visible()
    record = yuna.api(f"/api/v1/logs/{request}")
    yuna.told(request)
    expect(page.get_by_text(f"{record['provider']} / {record['region']}").first).to_be_visible()
    expect(page.get_by_role("list", name="Attempts").get_by_role("listitem")).to_have_count(1)
    exact = record["cost"]["total_nanos"]
    assert exact > 0
    shown = f"${exact // 10**9}.{exact % 10**9:09}".rstrip("0")
    expect(page.get_by_text(shown, exact=True).first).to_be_visible()


def test_a_failover_is_seen_in_the_detail_of_its_request(
    yuna: Person, team: str, site: Product, provider: Simulator
) -> None:
    page = yuna.page
    key = key_of(site, team, "failing")
    provider.reset()
    provider.faults({"match": {"nth": [1]}, "fault": {"status": 503}})
    request = ask(site, key, model=TWO)
    provider.reset()
    until(lambda: yuna.context.request.get(f"{yuna.origin}/api/v1/logs/{request}").ok)
    attempts = yuna.api(f"/api/v1/logs/{request}")["attempts"]
    assert [attempt["status"] for attempt in attempts] == ["failed", "succeeded"]
    yuna.go(f"/teams/{team}/logs/{request}")
    yuna.told("2 attempts")
    tries = page.get_by_role("list", name="Attempts").get_by_role("listitem")
    expect(tries.nth(0)).to_contain_text("503")
    expect(tries.nth(1)).to_contain_text(attempts[1]["provider"])


def test_requests_are_shown_as_they_end(yuna: Person, team: str, site: Product) -> None:
    page = yuna.page
    key = key_of(site, team, "live")
    yuna.go(f"/teams/{team}/logs?session_id=ses-live")
    yuna.told("No request fits")
    with page.expect_request("**/api/v1/logs/tail?*"):
        page.get_by_role("switch", name="Live").check(force=True)
    until(
        lambda: ask(site, key, session="ses-live") and page.get_by_role("link", name=CHAT).count()
    )
    listed = yuna.api(f"/api/v1/logs?team_id={team}&session_id=ses-live")["data"]
    assert listed[0]["requested_model"] == CHAT


def test_the_words_of_a_request_are_revealed_only_when_asked_for(
    yuna: Person, team: str, site: Product
) -> None:
    page = yuna.page
    request = ask(site, key_of(site, team, "words"))
    until(lambda: yuna.context.request.get(f"{yuna.origin}/api/v1/logs/{request}").ok)
    yuna.go(f"/teams/{team}/logs/{request}")
    with page.expect_response(f"**/api/v1/logs/{request}/body") as read:
        page.get_by_role("button", name="Reveal").click()
    assert read.value.status == 404
    yuna.told("Nothing is kept of this request")
    page.get_by_role("button", name="Show JSON").click()
    expect(page.get_by_text(f'"id": "{request}"')).to_be_visible()


def test_filters_stand_in_the_address_and_can_be_kept_as_a_view(
    yuna: Person, team: str, site: Product
) -> None:
    page = yuna.page
    yuna.go(f"/teams/{team}/logs?model=nobody/serves-this")
    yuna.told("No request fits")
    page.get_by_role("button", name="Take the filters away").click()
    expect(page.get_by_role("table", name="Requests")).to_be_visible()
    page.get_by_label("Session", exact=True).fill("ses-none")
    page.get_by_label("Session", exact=True).press("Enter")
    yuna.told("No request fits")
    assert "session_id=ses-none" in page.url
    page.get_by_role("button", name="Views").click()
    page.get_by_role("menuitem", name="Keep or remove views").click()
    page.get_by_label("Name of this view").fill("Nothing")
    page.get_by_role("button", name="Keep", exact=True).click()
    yuna.go(f"/teams/{team}/logs")
    page.get_by_role("button", name="Views").click()
    page.get_by_role("menuitem", name="Nothing", exact=True).click()
    yuna.told("No request fits")


def test_the_dashboard_adds_up_what_the_api_does(yuna: Person, team: str, site: Product) -> None:
    page = yuna.page
    ask(site, key_of(site, team, "counter"), session="ses-2")
    before = len(yuna.api(f"/api/v1/logs?team_id={team}")["data"])
    until(lambda: yuna.api(f"/api/v1/usage?team_id={team}")["total"]["requests"] >= max(before, 2))
    yuna.go(f"/teams/{team}/dashboard?period=h24")
    total = yuna.api(f"/api/v1/usage?team_id={team}")["total"]
    tile = page.get_by_role("definition").filter(has_text=str(total["requests"])).first
    expect(tile).to_be_visible()
    parts = page.get_by_role("table", name="In parts")
    parts.get_by_role("link", name=CHAT).click()
    expect(page).to_have_url(f"{yuna.origin}/teams/{team}/logs?days=1&model=lab%2Fchat")
    yuna.go(f"/teams/{team}/sessions")
    expect(page.get_by_role("link", name="ses-2")).to_be_visible()


def test_a_code_is_redeemed_once_and_becomes_credit(yuna: Person, team: str, site: Product) -> None:
    page = yuna.page
    made = run(
        "redeem",
        "generate",
        "--zone",
        str(site.zone_file),
        "--usd",
        "7.50",
        "--count",
        "1",
        "--json",
    )
    code: str = json.loads(made.stdout)["codes"][0]
    yuna.watched.expected += ("status of 400", "status of 404")
    yuna.go(f"/teams/{team}/balance")
    box = page.get_by_label("Code", exact=True)
    box.fill("OGC-0000-0000-0000-0000-0000")
    page.get_by_role("button", name="Redeem", exact=True).click()
    yuna.told("This code cannot be redeemed.")
    box.fill(code.lower())
    page.get_by_role("button", name="Redeem", exact=True).click()
    yuna.told("$7.50 are added to the balance.")
    (row,) = yuna.api(f"/api/v1/teams/{team}/redemptions")["data"]
    assert row["amount_nanos"] == 7_500_000_000
    expect(page.get_by_role("table", name="Redeem a code").get_by_text("$7.50")).to_be_visible()


def test_what_was_done_stands_in_the_audit_log(yuna: Person, team: str) -> None:
    page = yuna.page
    yuna.go(f"/teams/{team}/settings")
    page.get_by_label("Name", exact=True).fill("Front office")
    page.get_by_role("button", name="Save").first.click()
    yuna.told("Saved.")
    assert yuna.api(f"/api/v1/teams/{team}")["name"] == "Front office"
    yuna.go(f"/teams/{team}/audit")
    page.get_by_role("button", name="Details of team.changed").first.click()
    dialog = page.get_by_role("dialog", name="team.changed")
    expect(dialog.get_by_text('"Front office"')).to_be_visible()
    deeds = yuna.api(f"/api/v1/teams/{team}/audit")["data"]
    assert deeds[0]["action"] == "team.changed"


def test_alerts_and_webhooks_are_set(yuna: Person, team: str) -> None:
    page = yuna.page
    yuna.go(f"/teams/{team}/settings")
    alerts = page.get_by_role("region", name="Alerts")
    alerts.get_by_label("Tell when the balance falls to").fill("2.5")
    alerts.get_by_role("button", name="Save").click()
    yuna.told("Saved.")
    assert yuna.api(f"/api/v1/teams/{team}/alert-settings")["low_balance_nanos"] == 2_500_000_000


@pytest.mark.parametrize("path", READS)
def test_a_page_whose_data_does_not_come_says_so_and_recovers(
    yuna: Person, team: str, path: str
) -> None:
    page = yuna.page
    yuna.watched.expected += ("status of 500",)

    def fail(route: Route) -> None:
        body = '{"error":{"code":"internal_error","message":"ours","request_id":"req_1"}}'
        route.fulfill(status=500, content_type="application/json", body=body)

    yuna.go("/profile")
    page.route(READS[path], fail)
    page.goto(f"{yuna.origin}/teams/{team}/{path}")
    yuna.told("That did not work")
    page.unroute_all()
    page.get_by_role("button", name="Try again").first.click()
    expect(page.get_by_text("That did not work")).to_have_count(0)


def test_the_palette_leads_to_any_page_by_keyboard(yuna: Person, team: str) -> None:
    page = yuna.page
    yuna.go(f"/teams/{team}")
    page.keyboard.press("Control+K")
    box = page.get_by_role("combobox", name="Search pages")
    expect(box).to_be_focused()
    box.fill("audit")
    box.press("Enter")
    expect(page.get_by_role("heading", name="Audit log")).to_be_visible()
    page.keyboard.press("Control+K")
    page.get_by_role("combobox", name="Search pages").fill("no such page")
    yuna.told("No page of this name")


def test_a_kept_request_is_read_and_asked_again_in_the_playground(
    yuna: Person, team: str, site: Product
) -> None:
    page = yuna.page
    key = key_of(site, team, "kept")
    yuna.go(f"/teams/{team}/settings")
    page.get_by_role("switch", name="Keep prompts and answers").click(force=True)
    yuna.told("Saved.")
    assert yuna.api(f"/api/v1/teams/{team}")["body_logging"] is True

    def kept() -> str | None:
        request = ask(site, key, session="ses-kept")
        body = f"{yuna.origin}/api/v1/logs/{request}/body"
        until(lambda: yuna.context.request.get(body.removesuffix("/body")).ok)
        return request if yuna.context.request.get(body).ok else None

    request = until(kept)
    yuna.go(f"/teams/{team}/logs/{request}")
    page.get_by_role("button", name="Reveal").click()
    expect(page.get_by_role("group", name="Request").get_by_text('"Hello"')).to_be_visible()
    deeds = yuna.api(f"/api/v1/teams/{team}/audit")["data"]
    assert "body.read" in {deed["action"] for deed in deeds}
    page.get_by_role("link", name="Replay in the playground").click()
    expect(page.get_by_role("textbox", name="Message")).to_have_value("Hello")
    expect(page.get_by_role("combobox", name="Model")).to_have_value(CHAT)
