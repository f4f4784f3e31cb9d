"""The page until there is a first product: how far the first reading is, or what keeps it from starting."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from christmas.catalog.writing import store
from christmas.db import database
from christmas.jobs import queue
from tests.server import filled
from tests.server.filled import NAME, VENDORS
from tests.server.running import Server, serving
from tests.server.test_pages import names, read, words


@pytest.mark.integration
def test_the_first_visit_shows_what_is_being_read(tmp_path: Path) -> None:
    with serving(tmp_path / "empty", CHRISTMAS__CONTACT_URL="mailto:tester@example.org") as server:
        assert "christmas run integrator.sync_all" in words(read(server, "/"))
        led = server.ask("/?q=frosty&year=1985", anonymous=True)  # whose key is not known is led to sign in, and back
        assert (led.status, led.headers["location"]) == (303, "/sign-in?next=%2F%3Fq%3Dfrosty%26year%3D1985")
        start(server, "run-a", VENDORS[0], {"pages_read": 30, "pages_failed": 2, "pages_planned": 120})
        start(server, "run-b", VENDORS[1], {})
        page = read(server, "/")
        assert "32 of 120 pages read" in words(page)
        first, second = page.cssselect("progress")
        assert (first.get("value"), first.get("max"), first.get("aria-label")) == ("32", "120", "Hallmark Ornaments")
        assert second.get("value") is None
        assert page.cssselect("noscript meta[http-equiv=refresh]")
        assert page.cssselect("[hx-get='/first-visit']")[0].get("hx-trigger") == "every 2s"
        part = server.ask("/first-visit")
        assert "32 of 120 pages read" in part.text
        assert "<html" not in part.text
        assert "hx-refresh" not in part.headers
        for path in ("/years", "/changes"):
            read(server, path)
        with database.begin(server.engine) as connection:
            store.write(connection, [filled.the_piece(VENDORS[0])], job_id="run-a", now=filled.NOW)
        assert server.ask("/first-visit").headers["hx-refresh"] == "true"
        assert names(read(server, "/")) == [NAME]


@pytest.mark.integration
def test_the_first_visit_names_what_keeps_shops_from_being_read(tmp_path: Path) -> None:
    with serving(tmp_path / "empty", CHRISTMAS__CONTACT_URL="") as server:
        for path in ("/", "/first-visit"):
            text = words(read(server, path))
            assert "CHRISTMAS__CONTACT_URL=mailto:you@example.org christmas up" in text
            assert "christmas run" not in text
        collector = words(read(server, "/", key=server.key("user")))
        assert "No shop has been read yet." in collector
        assert "CHRISTMAS" not in collector


def start(server: Server, job_id: str, vendor: str, outcome: dict[str, Any]) -> None:
    now = datetime.now(UTC)
    with database.begin(server.engine) as connection:
        queue.submit(connection, queue.NewJob(job_id, "integrator.sync_links", vendor, "integrator", {}), now)
        claimed = queue.claim(connection, None, "node-1", now)
        assert claimed is not None
        queue.heartbeat(connection, job_id, 1, outcome=outcome, now=now)
