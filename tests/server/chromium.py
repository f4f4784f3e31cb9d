"""Real Chromium for tests: pages that may say nothing on their console, and axe-core to look at them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from christmas.platforms.browser import find_browser

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SERIOUS = {"serious", "critical"}
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]
TIMEOUT_MILLISECONDS = 15_000


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run a browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(""), args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(browser: Browser, url: str, **options: Any) -> Iterator[Page]:
    """Open a page of the server; whatever its console complains of, or that comes from elsewhere, is an error."""
    complaints: list[str] = []
    context: BrowserContext = browser.new_context(base_url=url, **options)
    try:
        context.set_default_timeout(TIMEOUT_MILLISECONDS)
        page = context.new_page()
        page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda request: complaints.append(request.url) if _foreign(request.url, url) else None)
        yield page
    finally:
        context.close()
    assert complaints == []


def _foreign(address: str, url: str) -> bool:
    return not address.startswith((url, "data:", "blob:"))


def findings(page: Page) -> list[str]:
    """Return what axe-core finds that keeps somebody from using the page."""
    results = Axe().run(page, options={"runOnly": RULES})
    return [
        f"{one['id']}: {one['help']}: {[node['html'][:120] for node in one['nodes']][:3]}"
        for one in results.response["violations"]
        if one["impact"] in SERIOUS
    ]


def overflow(page: Page) -> int:
    """Return by how many pixels the page is wider than its window."""
    found: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return found
