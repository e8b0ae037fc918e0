"""Lighthouse over the running product: `make lighthouse`, on a machine that does nothing else."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

from e2e.conftest import provider
from e2e.product import Product, free_port
from e2e.web.browsing import admin, found_team, person
from e2e.web.conftest import origin, site, stripe
from stores import Chromium, chromium

__all__ = ["chromium", "origin", "provider", "site", "stripe"]
pytestmark = pytest.mark.slow
HERE = Path(__file__).parent
RUNS = int(os.environ.get("OPENGATEWAY_LIGHTHOUSE_RUNS", "5"))
LEAST = 95


def test_sign_in_and_a_team_s_pages_score_95(
    site: Product, origin: str, chromium: Chromium
) -> None:
    port = free_port()
    options = dict(chromium.launch_options)
    options["args"] = [*options["args"], f"--remote-debugging-port={port}"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(**options)
        with person(browser, origin) as someone:
            found_team(someone, "fast@example.com", admin(site, "fast@example.com"), "Fast")
            team = someone.team_id
            cookies = "; ".join(f"{c['name']}={c['value']}" for c in someone.context.cookies())
        pages = {"/sign-in": None}
        pages |= {f"/teams/{team}{path}": cookies for path in ("", "/dashboard", "/models")}
        scores = {path: measured(port, origin + path, cookie) for path, cookie in pages.items()}
        browser.close()
    print(json.dumps(scores, indent=2))
    for path, found in scores.items():
        assert min(found.values()) >= LEAST, (path, found)


def measured(port: int, url: str, cookie: str | None) -> dict[str, int]:
    node = os.environ["PLAYWRIGHT_NODEJS_PATH"]
    command = [node, str(HERE / "measure.mjs"), str(port), url, str(RUNS)]
    done = subprocess.run(
        command + ([] if cookie is None else [cookie]),
        capture_output=True,
        text=True,
        timeout=120 * RUNS,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, int] = json.loads(done.stdout.strip().splitlines()[-1])
    return found
