"""A list of requests of any length: what is out of sight is not in the document, and scrolling stays smooth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Route, expect

from e2e.operating import SOAK
from e2e.product import Product
from e2e.web.browsing import Person, admin, found_team, person

pytestmark = pytest.mark.slow
EMAIL = "long@example.com"
ROWS = 100_000 if SOAK else 5_000
MOST_IN_DOM = 60
LONGEST_TASK_MS = 50
SCRIPT_OF_A_FRAME_MS = 8
_WATCH = """
() => {
  window.tasks = [];
  new PerformanceObserver(list => {
    for (const entry of list.getEntries()) window.tasks.push(entry.duration);
  }).observe({type: 'longtask'});
}
"""
_ROWS = "document.querySelectorAll('[role=table][aria-label=Requests] [role=row]').length"


@pytest.fixture(scope="module")
def reader(browser: Browser, origin: str, site: Product) -> Iterator[Person]:
    with person(browser, origin) as someone:
        found_team(someone, EMAIL, admin(site, EMAIL), "Long")
        yield someone


def row(number: int) -> dict[str, Any]:
    return {
        "id": f"gen_{number:032}",
        "team_id": "team_1",
        "key_id": "key_1",
        "started_at_ns": 1_764_000_000_000_000_000 - number * 10**9,
        "requested_model": f"lab/{number}",
        "model": f"lab/{number}",
        "ending": "completed",
        "status": 200,
        "provider": "main",
        "attempts": 1,
        "input_tokens": 10,
        "output_tokens": 20,
        "first_token_ms": 12.5,
        "total_ms": 99.5,
        "cost_nanos": 1_000 + number,
    }


def test_few_rows_of_many_are_in_the_document_and_scrolling_is_smooth(reader: Person) -> None:
    """The rows are the test's: the product would take hours for so many. All else is as it is."""
    page = reader.page
    team = reader.api("/api/v1/me")["teams"][0]["id"]
    body = json.dumps({"data": [row(n) for n in range(ROWS)], "next": None})

    def answer(route: Route) -> None:
        route.fulfill(body=body, content_type="application/json")

    page.route("**/api/v1/logs?*", answer)
    reader.go(f"/teams/{team}/logs")
    table = page.get_by_role("table", name="Requests")
    expect(table.get_by_role("link", name="lab/0", exact=True)).to_be_visible(timeout=60_000)
    assert page.evaluate(_ROWS) <= MOST_IN_DOM
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    page.evaluate(_WATCH)
    frames: list[float] = []
    before = _script_s(session)
    for step in range(200 if SOAK else 20):
        page.mouse.move(800, 600)
        page.mouse.wheel(0, 900 if step % 10 else 60_000)
        page.evaluate("() => new Promise(requestAnimationFrame)")
        now = _script_s(session)
        frames.append((now - before) * 1000)
        before = now
        assert page.evaluate(_ROWS) <= MOST_IN_DOM
    assert page.evaluate("window.scrollY") > 0
    if SOAK:  # times are of a machine that does nothing else
        tasks = page.evaluate("window.tasks")
        at_95 = sorted(frames)[int(len(frames) * 0.95)]
        print(
            f"{ROWS} rows: longest task {max(tasks, default=0):.0f} ms, p95 script {at_95:.1f} ms"
        )
        assert max(tasks, default=0) <= LONGEST_TASK_MS
        assert at_95 <= SCRIPT_OF_A_FRAME_MS
    page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    expect(table.get_by_role("link", name=f"lab/{ROWS - 1}", exact=True)).to_be_visible()
    page.unroute_all()


def _script_s(session: Any) -> float:
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(m["value"] for m in metrics if m["name"] == "ScriptDuration"))
