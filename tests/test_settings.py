"""What every run gets from the settings, in a process as a node starts it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable

from tests.crawling import ROOT, TIMEOUT_SECONDS, Site

# Components of Scrapy that are not used, and the large packages that only they need.
COMPONENTS = ("CookiesMiddleware", "OffsiteMiddleware", "TelnetConsole", "RemoteControl")
PACKAGES = {"aiohttp", "tldextract", "requests"}


def test_a_run_imports_nothing_for_what_is_switched_off(site: Callable[[], Site]) -> None:
    here = site()
    here.engine.dispose()  # the tables are there, as they are on a node
    variables = here.environment() | {"CHRISTMAS_NODE_PID": str(os.getpid()), "PYTHONPROFILEIMPORTTIME": "1"}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "christmas_runner", here.shop.vendor, "-a", "stage=links"],
        env=variables, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "RobotsTxtMiddleware" in done.stderr  # the list of what is enabled is in the log
    assert [name for name in COMPONENTS if name in done.stderr] == []
    imported = set(re.findall(r"^import time:.*\| +([\w.]+)$", done.stderr, re.MULTILINE))
    assert "twisted" in imported
    assert imported & PACKAGES == set()
