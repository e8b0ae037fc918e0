"""Models are found and asked in the browser, with an hour's key that nobody has to keep."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, FilePayload, Route, expect

from e2e.conftest import CHAT, FAST
from e2e.product import Product
from e2e.web.browsing import Person, admin, found_team, grant, person

pytestmark = pytest.mark.slow
EMAIL = "sora@example.com"


@pytest.fixture(scope="module")
def sora(browser: Browser, origin: str, site: Product) -> Iterator[Person]:
    """The owner of a team with money."""
    with person(browser, origin) as someone:
        found_team(someone, EMAIL, admin(site, EMAIL), "Playing")
        grant(site, someone.team_id, "20")
        yield someone


@pytest.fixture
def team(sora: Person) -> str:
    return str(sora.api("/api/v1/me")["teams"][0]["id"])


def ask(someone: Person, text: str) -> None:
    box = someone.page.get_by_role("textbox", name="Message")
    box.fill(text)
    box.press("Enter")


def choose(someone: Person, place: int, model: str) -> None:
    someone.page.get_by_role("combobox", name="Model").nth(place).click()
    someone.page.get_by_role("option", name=model, exact=True).locator("visible=true").click()


def test_a_model_is_asked_and_the_key_of_the_page_is_kept_nowhere(sora: Person, team: str) -> None:
    page = sora.page
    sora.go(f"/teams/{team}/playground?model={CHAT}")
    with page.expect_request("**/v1/chat/completions") as asked:
        ask(sora, "A question about rivers")
    talk = page.get_by_role("log")
    expect(talk.get_by_text("This answer comes from the bundled simulator")).to_be_visible()
    expect(page.get_by_text(re.compile(r"\d+ in, \d+ out"))).to_be_visible()

    secret = (asked.value.header_value("authorization") or "").removeprefix("Bearer ")
    assert secret.startswith("og_live_")
    assert asked.value.header_value("cookie") is None
    kept = page.evaluate("JSON.stringify([localStorage, sessionStorage]) + document.cookie")
    assert secret not in kept + page.content()
    (key,) = sora.api(f"/api/v1/teams/{team}/keys")["data"]
    assert (key["name"], key["concurrency"]) == ("Playground", 8)
    assert key["expires_at_ns"] is not None


def test_two_models_are_compared_and_a_talk_goes_on(sora: Person, team: str) -> None:
    page = sora.page
    sora.go(f"/teams/{team}/playground?model={CHAT}")
    page.get_by_role("button", name="Compare").click()
    choose(sora, 1, FAST)
    ask(sora, "First question")
    logs = page.get_by_role("log")
    expect(page.get_by_text(re.compile(r"\d+ in, \d+ out"))).to_have_count(2)
    with page.expect_request("**/v1/chat/completions") as asked:
        ask(sora, "Second question")
    roles = [m["role"] for m in (asked.value.post_data_json or {})["messages"]]
    assert roles == ["user", "assistant", "user"]
    expect(logs.first.get_by_text("Second question", exact=True)).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(logs.first.get_by_text("Nothing has been said yet")).to_be_visible()


def test_parameters_and_tools_are_sent_and_the_reader_answers_the_tool(
    sora: Person, team: str
) -> None:
    page = sora.page
    sora.go(f"/teams/{team}/playground?model={CHAT}")
    page.get_by_role("button", name="Parameters").click()
    page.get_by_label("System prompt").fill("Be brief")
    page.get_by_label("Temperature").fill("0.3")
    page.get_by_label("Tools (JSON)").fill('{"not": "a list"}')
    sora.told("This is not a JSON list.")
    page.get_by_label("Tools (JSON)").fill(
        '[{"type":"function","function":{"name":"get_weather","parameters":'
        '{"type":"object","properties":{"city":{"type":"string"}}}}}]'
    )
    with page.expect_request("**/v1/chat/completions") as asked:
        ask(sora, "Call the tool: what is the weather in Seoul?")
    sent = asked.value.post_data_json or {}
    assert (sent["temperature"], sent["messages"][0]["content"]) == (0.3, "Be brief")
    answer = page.get_by_label("What get_weather answers")
    answer.fill("21 degrees")
    with page.expect_request("**/v1/chat/completions") as after:
        page.get_by_role("button", name="Give this result").click()
    said = (after.value.post_data_json or {})["messages"]
    assert [m["role"] for m in said] == ["system", "user", "assistant", "tool"]
    assert said[-1]["tool_call_id"] == said[-2]["tool_calls"][0]["id"]


def test_an_image_goes_with_the_question(sora: Person, team: str) -> None:
    page = sora.page
    sora.go(f"/teams/{team}/playground?model={CHAT}")
    pixel = bytes.fromhex(
        "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d763f8"
        "ffff3f0005fe02fea735814e0000000049454e44ae426082"
    )
    chosen = FilePayload(name="dot.png", mimeType="image/png", buffer=pixel)
    page.locator("input[type=file]").set_input_files(chosen)
    expect(page.get_by_role("img", name="Image 1")).to_be_visible()
    with page.expect_request("**/v1/chat/completions") as asked:
        ask(sora, "What is this?")
    parts = (asked.value.post_data_json or {})["messages"][0]["content"]
    assert [p["type"] for p in parts] == ["text", "image_url"]


def test_a_model_is_found_its_prices_read_and_it_is_tried(sora: Person, team: str) -> None:
    page = sora.page
    sora.go(f"/teams/{team}/models")
    page.get_by_label("Search").fill("nothing like this")
    sora.told("No model fits")
    page.get_by_label("Search").fill("chat")
    sora.told("1 model")
    page.get_by_role("button", name="chat", exact=True).click()
    sheet = page.get_by_role("dialog")
    expect(sheet.get_by_text(CHAT, exact=True).first).to_be_visible()
    expect(sheet.get_by_text("$0.20").first).to_be_visible()
    expect(sheet.get_by_role("table", name="Endpoints").get_by_text("main/global")).to_be_visible()
    sheet.get_by_role("link", name="Try it").click()
    expect(page.get_by_role("combobox", name="Model")).to_have_value(CHAT)


@pytest.mark.parametrize("path", ["playground", "models"])
def test_a_list_of_models_that_does_not_come_says_so_and_recovers(
    sora: Person, team: str, path: str
) -> None:
    page = sora.page
    sora.watched.expected += ("status of 500",)

    def fail(route: Route) -> None:
        body = '{"error":{"code":"internal_error","message":"ours","request_id":"req_1"}}'
        route.fulfill(status=500, content_type="application/json", body=body)

    page.route("**/api/v1/teams/*/models", fail)
    page.goto(f"{sora.origin}/teams/{team}/{path}")
    sora.told("That did not work")
    page.unroute_all()
    page.get_by_role("button", name="Try again").click()
    sora.told("lab/chat" if path == "models" else "Nothing has been said yet")


def test_where_no_model_is_served_the_page_says_so(sora: Person, team: str) -> None:
    page = sora.page
    page.route(
        "**/api/v1/teams/*/models", lambda route: route.fulfill(json={"object": "list", "data": []})
    )
    sora.go(f"/teams/{team}/models")
    sora.told("No model is served here")
    page.unroute_all()
