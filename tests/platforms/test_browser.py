"""A vendor whose pages are made by JavaScript, read through a real Chromium."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from christmas.errors import ConfigurationError
from christmas.platforms import browser
from christmas.platforms.browser import BrowserPages, find_browser
from tests.crawling import ROOT, Site

SPIDER = """
from christmas.platforms.bigcommerce import BigCommerce
from christmas.platforms.browser import BrowserPages


class OrnamentShopComSpider(BrowserPages, BigCommerce):
    name = "ornament_shop_com"
    base_url = "https://www.ornament-shop.com"
    year_index = "/hallmark-ornaments-by-year.html"
"""


@pytest.mark.skipif(find_browser("") is None, reason="needs Chromium, which .ci/run installs (apt install chromium)")
def test_a_mix_in_reads_pages_that_only_a_browser_can(site: Callable[[str], Site], tmp_path: Path) -> None:
    here = site("ornament_shop_com")
    here.shop.scripted = True  # every product's markup is put into the page by a script
    plain = here.crawl(stage="links")
    plain = here.crawl(stage="products", limit=3)
    assert plain.outcome["pages_read"] == 0

    file = tmp_path / "browser_spider.py"
    file.write_text(SPIDER, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", "runspider", str(file), "-a", "stage=products", "-a", "limit=3",
         "-a", "which=all"],
        env=here.environment() | {"PYTHONWARNINGS": "default"}, cwd=ROOT, capture_output=True, text=True, timeout=300,
    )  # fmt: skip

    assert len(here.products()) == 3, done.stderr
    assert "'playwright/request_count'" in done.stderr
    truth = here.shop.truth()
    for key, row in here.products().items():
        assert (row.name, row.price_minor) == (truth[key].name, truth[key].price_minor)


def test_without_a_browser_the_message_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    class Base:
        @classmethod
        def update_settings(cls, settings: object) -> None: ...

    class Vendor(BrowserPages, Base): ...

    monkeypatch.setattr(browser, "find_browser", lambda configured: None)
    with pytest.raises(ConfigurationError, match="install chromium"):
        Vendor.update_settings({})  # type: ignore[arg-type]


def test_a_configured_browser_is_taken_where_it_exists(tmp_path: Path) -> None:
    assert find_browser(str(tmp_path / "none")) is None
    program = tmp_path / "chromium"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert find_browser(str(program)) == os.fspath(program)
