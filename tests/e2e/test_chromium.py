"""The browser that the tests of pages use."""

from __future__ import annotations

import pytest
from playwright.async_api import async_playwright

from stores import Chromium

pytestmark = pytest.mark.slow


async def test_the_browser_of_the_tests_runs_scripts_and_draws_text(chromium: Chromium) -> None:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(**chromium.launch_options)
        page = await browser.new_page()
        await page.set_content("<h1 id=a>Price</h1><script>a.textContent += ' list'</script>")
        assert await page.text_content("#a") == "Price list"
        box = await page.locator("#a").bounding_box()
        assert box is not None
        assert box["height"] > 10  # a machine without a font draws nothing
        await browser.close()
