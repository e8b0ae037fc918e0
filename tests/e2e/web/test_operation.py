"""The model desk, the routing simulator, announcements, books and queues, the system: each story checked
through the API."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from e2e.conftest import CHAT, FAST, TWO
from e2e.product import Product, until
from e2e.web.browsing import Person, admin, faults, found_team, person

pytestmark = pytest.mark.slow
EMAIL = "chief@example.com"
EMPTY = {
    "models": "No model from the desk",
    "routing": "No request yet",
    "announcements": "No announcement",
    "checks": "Records and ledger agree",
}
READS = {
    "models": "**/api/v1/admin/models?*",
    "announcements": "**/api/v1/admin/announcements",
    "checks": "**/api/v1/admin/reconciliation?*",
    "system": "**/api/v1/admin/system",
    "prices": "**/api/v1/admin/prices?*",
    "approvals": "**/api/v1/admin/approvals?*",
    "smoke": "**/api/v1/admin/smoke?*",
}
CONFIG = """{
  "kind": "chat",
  "endpoints": [{"provider": "main", "upstream_model": "sim-chat", "context": 8192,
                 "price": {"input": "0.20", "output": "0.60"}}]
}"""


@pytest.fixture(scope="module")
def chief(browser: Browser, origin: str, site: Product) -> Iterator[Person]:
    with person(browser, origin) as someone:
        found_team(someone, EMAIL, admin(site, EMAIL), "Operating")
        yield someone


@pytest.mark.parametrize("path", EMPTY)
def test_a_page_of_the_desk_without_anything_says_what_it_is_for(chief: Person, path: str) -> None:
    chief.go(f"/admin/{path}")
    chief.told(EMPTY[path])


def test_a_draft_is_tried_published_seen_by_teams_and_withdrawn(chief: Person) -> None:
    page = chief.page
    chief.go("/admin/models")
    page.get_by_role("button", name="New draft").click()
    sheet = page.get_by_role("dialog", name="New draft")
    sheet.get_by_label("Model id").fill("house/river")
    editor = sheet.get_by_role("textbox", name="Content, as in a zone file")
    editor.fill("no JSON")
    chief.told("This is not a JSON object.")
    editor.fill(CONFIG)
    assert faults(page, over=True) == []
    sheet.get_by_role("button", name="Keep as draft").click()
    chief.told("The draft is kept.")
    sheet = page.get_by_role("dialog", name="house/river")
    sheet.get_by_role("button", name="Try it").click()
    expect(sheet.get_by_text("It answered in")).to_be_visible()
    (row,) = chief.api("/api/v1/admin/models?model=house/river")["data"]
    assert (row["state"], row["smoke"]["endpoints"][0]["result"]["ok"]) == ("draft", True)
    sheet.get_by_role("button", name="Publish").click()
    page.get_by_role("dialog").last.get_by_role("button", name="Publish").click()
    chief.told("The model is published.")
    team = chief.api("/api/v1/me")["teams"][0]["id"]
    until(
        lambda: (
            "house/river"
            in {model["id"] for model in chief.api(f"/api/v1/teams/{team}/models")["data"]}
        )
    )
    page.get_by_role("button", name="house/river").click()
    page.get_by_role("dialog").get_by_role("button", name="Withdraw").click()
    page.get_by_role("dialog").last.get_by_role("button", name="Withdraw").click()
    chief.told("The model is withdrawn.")
    (row,) = chief.api("/api/v1/admin/models?model=house/river")["data"]
    assert row["state"] == "withdrawn"


def test_a_model_ends_with_a_successor_and_goes_on_after_all(chief: Person) -> None:
    page = chief.page
    chief.go("/admin/models")
    panel = page.get_by_role("region", name="Models that end")
    panel.get_by_label("Model that ends").fill(FAST)
    panel.get_by_label("Successor").fill(CHAT)
    panel.get_by_label("Ends", exact=True).fill("2031-02-03T04:05")
    panel.get_by_role("button", name="Let it end").click()
    chief.told("The end is set.")
    (ending,) = chief.api("/api/v1/admin/deprecations")["data"]
    assert (ending["model_id"], ending["successor"]) == (FAST, CHAT)
    panel.get_by_role("button", name="Let it go on").click()
    chief.told("No model ends")
    assert chief.api("/api/v1/admin/deprecations")["data"] == []


def test_the_simulator_says_where_a_request_would_go_and_why_not_elsewhere(chief: Person) -> None:
    page = chief.page
    chief.go("/admin/routing")
    page.get_by_label("Model, with :nitro or :floor if wanted").fill(TWO)
    with page.expect_response("**/route-explanations") as asked:
        page.get_by_role("button", name="Show the route").click()
    told = asked.value.json()
    assert (told["requested"], len(told["candidates"])) == (TWO, 2)
    table = page.get_by_role("table", name="Would be tried, in this order")
    first = table.get_by_role("row").nth(1)
    expect(first.get_by_text(f"1. {told['candidates'][0]['endpoint']}")).to_be_visible()
    box = page.get_by_label("Not these providers").first
    box.fill("main")
    box.press("Enter")
    page.get_by_role("button", name="Show the route").click()
    expect(page.get_by_role("table", name="Left out").get_by_text("main/global")).to_be_visible()
    expect(table.get_by_role("row")).to_have_count(2)
    page.get_by_label("Model, with :nitro or :floor if wanted").fill("lab/nothing")
    page.get_by_role("button", name="Show the route").click()
    chief.told("Nobody can serve it")
    assert faults(page) == []


def test_an_announcement_is_read_by_everybody_and_taken_away(
    chief: Person, browser: Browser, origin: str
) -> None:
    page = chief.page
    chief.go("/admin/announcements")
    page.get_by_role("button", name="New announcement").click()
    sheet = page.get_by_role("dialog", name="New announcement")
    sheet.get_by_text("Warning", exact=True).click()
    sheet.get_by_label("English").fill("Maintenance tonight")
    sheet.get_by_label("한국어").fill("오늘 밤 점검")
    sheet.get_by_role("button", name="Announce").click()
    chief.told("The announcement is kept.")
    expect(page.get_by_role("region", name="Announcement", exact=True)).to_contain_text(
        "Maintenance tonight"
    )
    (row,) = chief.api("/api/v1/admin/announcements")["data"]
    assert (row["level"], row["texts"]["ko"]) == ("warning", "오늘 밤 점검")
    with person(browser, origin, locale="ko-KR") as reader:
        reader.go("/sign-in")
        assert reader.api("/api/v1/announcements")["data"][0]["id"] == row["id"]
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    chief.told("No announcement")
    assert chief.api("/api/v1/announcements")["data"] == []


def test_records_and_ledger_agree_and_nothing_was_given_up(chief: Person) -> None:
    page = chief.page
    chief.go("/admin/checks")
    for text in ("Records and ledger agree", "Nothing was given up", "No journal stands still"):
        chief.told(text)
    page.get_by_text("30 d", exact=True).click()
    chief.told("Records and ledger agree")
    found = chief.api("/api/v1/admin/reconciliation?hours=720")
    assert (found["difference_usd"], found["differences"]) == ("0", [])


def test_the_system_says_what_it_is_made_of_and_what_waits(chief: Person) -> None:
    page = chief.page
    chief.go("/admin/system")
    system = chief.api("/api/v1/admin/system")
    assert (system["zone"], system["edition"]) == ("test", "selfhost")
    assert {"slot": "control_store", "use": "sqlite"} in system["components"]
    expect(page.get_by_text(system["version"], exact=True)).to_be_visible()
    expect(page.get_by_text("sqlite", exact=True)).to_be_visible()
    queues = page.get_by_role("table", name="Queues")
    expect(queues.get_by_role("row")).to_have_count(len(system["queues"]) + 1)


@pytest.mark.parametrize("path", READS)
def test_a_page_of_the_desk_whose_data_does_not_come_says_so(chief: Person, path: str) -> None:
    chief.fails(READS[path], f"/admin/{path}")
