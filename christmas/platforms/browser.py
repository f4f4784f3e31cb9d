"""A mix-in for vendors whose pages need a browser (scrapy-playwright with the system's Chromium)."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Any

from christmas.config import current
from christmas.errors import ConfigurationError

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
HANDLER = "scrapy_playwright.handler.ScrapyPlaywrightDownloadHandler"


def find_browser(configured: str) -> str | None:
    """Return the path of Chromium: the configured one, else the first found; None where there is none."""
    if configured:
        return shutil.which(configured)
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class BrowserPages:
    """Put before the platform's base: ``class SomeShopComSpider(BrowserPages, BigCommerce)``."""

    @classmethod
    def update_settings(cls, settings: BaseSettings) -> None:
        """Send this spider's requests through Chromium."""
        super().update_settings(settings)  # type: ignore[misc]  # a mix-in of Integration
        path = find_browser(current().browser_path)
        if path is None:
            raise ConfigurationError(
                "This vendor needs a browser and none was found: install chromium, or set CHRISTMAS__BROWSER_PATH."
            )
        settings.set("DOWNLOAD_HANDLERS", {"http": HANDLER, "https": HANDLER}, priority="spider")
        settings.set("PLAYWRIGHT_LAUNCH_OPTIONS", {"executable_path": path}, priority="spider")

    def request_meta(self) -> dict[str, Any]:
        """Mark every request for the browser."""
        return {"playwright": True}
