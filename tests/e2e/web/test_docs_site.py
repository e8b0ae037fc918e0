"""The docs in a browser, with no way to anywhere but the product: search, and requests from the reference."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from e2e.conftest import FAST
from e2e.product import Product, run
from e2e.web.browsing import Watched

pytestmark = pytest.mark.slow
SEARCHES = {
    "": ("Search", "idempotency", "Limits"),
    "ko/": ("검색", "고정 라우팅", "고정 라우팅과 캐시"),
    "ja/": ("検索", "フェイルオーバー", "フェイルオーバー"),
}


@pytest.fixture
def reader(browser: Browser, origin: str) -> Iterator[tuple[Page, Watched]]:
    """A reader whose machine has no network: what is not the product's is not answered."""
    context = browser.new_context(locale="en-US")
    watched = Watched(origin)

    def only_ours(route: Route) -> None:
        if route.request.url.startswith((origin, "data:", "blob:")):
            route.continue_()
        else:
            route.abort()

    context.route("**/*", only_ours)
    yield watched.page(context.new_page()), watched
    assert watched.found == []
    context.close()


@pytest.mark.parametrize("language", SEARCHES)
def test_search_finds_pages_without_a_network(
    reader: tuple[Page, Watched], origin: str, language: str
) -> None:
    page, _ = reader
    button, words, title = SEARCHES[language]
    page.goto(f"{origin}/docs/{language}")
    page.get_by_role("button", name=button).first.click()
    page.locator("dialog input").first.fill(words)
    found = page.locator("dialog a", has_text=title).first
    expect(found).to_be_visible(timeout=20_000)
    found.click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(title)
    assert f"/docs/{language}features/" in page.url


def test_a_request_is_sent_from_the_reference_with_a_key_that_is_kept_nowhere(
    reader: tuple[Page, Watched], origin: str, site: Product
) -> None:
    page, _ = reader
    run("credits", "grant", "--zone", str(site.zone_file), "--team", "e2e", "--usd", "1")
    page.goto(f"{origin}/docs/reference/data-api/")
    row = page.locator('[data-operation="post /v1/chat/completions"]')
    row.locator("summary").click()
    page.locator("input[name=key]").fill(site.key)
    body = json.dumps({"model": FAST, "messages": [{"role": "user", "content": "Hello"}]})
    row.locator("textarea").fill(body)
    row.get_by_role("button", name="Send").click()
    answer = row.locator("pre")
    expect(answer).to_contain_text("200")
    expect(answer).to_contain_text('"object": "chat.completion"')
    expect(answer).to_contain_text("x-request-id: gen_")
    kept = page.evaluate(
        "JSON.stringify([Object.entries(localStorage), Object.entries(sessionStorage), document.cookie])"
    )
    assert site.key not in kept
    assert site.key not in page.url
    page.reload()
    expect(page.locator("input[name=key]")).to_have_value("")


def test_the_management_reference_shows_every_operation_and_finds_one(
    reader: tuple[Page, Watched], origin: str
) -> None:
    page, _ = reader
    page.goto(f"{origin}/docs/reference/management-api/")
    rows = page.locator("[data-operation]")
    expect(rows.nth(100)).to_be_attached()
    page.locator("input[name=find]").fill("budgets")
    row = page.locator('[data-operation="post /api/v1/teams/{team_id}/budgets"]')
    expect(row).to_be_visible()
    expect(page.locator('[data-operation="get /api/v1/me"]')).to_be_hidden()
    row.locator("summary").click()
    expect(row).to_contain_text("budgets.write")
    expect(row.locator("textarea")).to_have_value(re.compile("limit_nanos"))
