"""The operations' pages: what operators see, what they do there, and who may."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from lxml import html
from redis import Redis

from christmas import valkey
from christmas.access import audit_log
from christmas.catalog import held_changes, products, vendor_health
from christmas.catalog.writing import store as catalog_store
from christmas.config import Config
from christmas.db import database
from christmas.jobs import queue, records, schedules, submission
from christmas.jobs.records import JobRow
from christmas.metrics import gauges
from tests.catalog.watches import Doubting
from tests.server import filled
from tests.server.browsing import Browser, buttons, rows, text
from tests.server.filled import FAILED, NAME, QUEUED, RUN, RUNNING, VENDORS
from tests.server.running import Server, serving
from tests.server.watched import measure, say

FIRST, SECOND, THIRD = VENDORS
POLLED = "every 2s"
CONTACT = "mailto:tester@example.org"
NOTHING = "\N{EN DASH}"


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server that may submit jobs for real shops; nobody runs them."""
    folder = tmp_path_factory.mktemp("operations")
    with serving(folder, filled.file(folder), CHRISTMAS__CONTACT_URL=CONTACT) as server:
        yield server


@pytest.fixture(scope="module")
def operator(own: Server) -> Browser:
    return Browser(own, own.sign_in())


@pytest.fixture(scope="module")
def config(own: Server) -> Config:
    return Config(var_path=own.log_path.parent, contact_url=CONTACT)


@pytest.fixture(scope="module")
def redis(own: Server, config: Config) -> Iterator[Redis]:
    with valkey.connect(config) as found:
        yield found
    valkey.release(config.var_path / "valkey")


def job(server: Server, job_id: str) -> JobRow:
    with database.read(server.engine) as connection:
        found = records.get(connection, job_id)
    assert found is not None
    return found


def grants(server: Server) -> list[tuple[str | None, str, str]]:
    with database.read(server.engine) as connection:
        return [(row.user, row.resource, row.action) for row in audit_log.latest(connection, 5) if row.allowed]


def rows_of_facts(element: Any) -> list[str]:
    """Return the words of the cards but for the seconds that have passed."""
    return [text(card).partition(" Oldest queued")[0] for card in element.find_class("card")]


class TestOverview:
    def test_vendors_that_are_not_healthy_come_first_and_say_why(self, operator: Browser, redis: Redis) -> None:
        measure(redis, THIRD, 0.2)
        gauges.announce(redis, "node-1", 1, 4, datetime.now(UTC))
        page = operator.open("/operations")
        found = rows(page, "vendors")
        assert [row[0] for row in found[:3]] == [SECOND, THIRD, *[row[0] for row in found if row[0] == FIRST]]
        assert (found[0][1], found[1][1]) == ("broken", "degraded")
        assert found[0][2].startswith("No product has a price. Changed ")
        assert found[1][3] == "41"
        assert "running" in found[1][5]
        assert found[1][6] == found[1][7] == "198 / 198 ms"
        assert found[0][6] == f"{NOTHING} / {NOTHING}"
        facts = text(page.get_element_by_id("now"))
        for words in ("Queued 1", "Running 1", "node-1 1 of 4 in use", "Quarantine Changes"):
            assert words in facts
        again = operator.open("/operations/now")
        assert rows_of_facts(again) == rows_of_facts(page.get_element_by_id("now"))
        assert again.get("hx-get") == "/operations/now"

    def test_it_leads_to_everything(self, operator: Browser) -> None:
        page = operator.open("/operations")
        [main] = page.xpath("//nav[@aria-label='Main']//a[@aria-current='page']")
        assert main.get("href") == "/operations"
        tabs = page.xpath("//nav[@aria-label='Operations']//a")
        assert [one.get("href") for one in tabs if one.get("aria-current")] == ["/operations"]
        linked = {link for _, name, link, _ in page.iterlinks() if name == "href" and link.startswith("/operations")}
        assert len(linked) >= 8
        for link in linked:
            operator.open(link)


class TestVendor:
    def test_its_charts_show_what_was_measured(self, operator: Browser, redis: Redis) -> None:
        measure(redis, FIRST, 0.1)
        measure(redis, FIRST, 0.4, ago=10 * 3600)
        for window, seconds, steps, measured in (("1h", 60, 60, 1), ("24h", 900, 96, 2), ("7d", 3600, 168, 2)):
            page = operator.open(f"/operations/vendors/{FIRST}?window={window}")
            data = json.loads(page.get_element_by_id("series").text)
            times, lines = data["times"], data["lines"]["latency"]["p50"]
            assert len(times) == len(lines) == steps
            assert times == pytest.approx([time.time() - seconds * number for number in range(steps, 0, -1)], abs=20)
            values = [value for value in lines if value is not None]
            assert values == pytest.approx([400, 100][-measured:], rel=0.03)
            assert [one.get("data-lines") for one in page.find_class("chart")] == ["ttfb", "latency"]
            told = page.xpath("//details//tbody/tr")
            assert len(told) == measured

    def test_nothing_measured_is_said(self, operator: Browser) -> None:
        page = operator.open(f"/operations/vendors/{SECOND}")
        assert "No measurements in this time range." in text(page)
        assert not page.xpath("//*[@id='series']")

    def test_it_is_accepted_as_it_is(self, operator: Browser) -> None:
        path = f"/operations/vendors/{SECOND}"
        page = operator.open(path)
        assert "No product has a price." in text(page)
        assert rows(page, "runs")[0][5] == "The year index gave no listing."
        said = operator.follows(operator.press(path, "Accept the current state"))
        assert said.startswith("The current state is accepted")
        assert ("tester", "health", "write") in grants(operator.server)
        with database.read(operator.server.engine) as connection:
            found = vendor_health.get(connection, SECOND)
        assert found is not None
        assert found.state == "healthy"
        assert "Accept the current state" not in buttons(operator.open(path))


class TestJobs:
    def test_what_runs_shows_its_progress(self, operator: Browser) -> None:
        for path in ("/operations/jobs", "/operations/jobs/live"):
            page = operator.open(path)
            live = page.get_element_by_id("live", page)
            assert (live.get("hx-get"), live.get("hx-trigger")) == ("/operations/jobs/live", POLLED)
            found = {row[1]: row for row in rows(page, "open")}
            assert found[THIRD][2:4] == ["running", "30 of 120 pages"]
            assert found[FIRST][:4] == ["integrator.sync_products", FIRST, "queued", ""]
            [bar] = live.iter("progress")
            assert (bar.get("value"), bar.get("max")) == ("30", "120")
            assert bar.get("aria-label") == "pages done"

    def test_what_has_ended_says_how(self, operator: Browser) -> None:
        found = {row[1]: row for row in rows(operator.open("/operations/jobs"), "ended")}
        assert found[FIRST][2::3] == ["succeeded", "5 changes"]
        assert found[SECOND][2::3] == ["failed", "The year index gave no listing."]
        chosen = rows(operator.open("/operations/jobs?state=failed&vendor="), "ended")
        assert [row[1] for row in chosen] == [SECOND]
        assert "None." in text(operator.open(f"/operations/jobs?state=failed&vendor={FIRST}"))

    @pytest.mark.parametrize("state", records.STATES)
    def test_each_state_is_a_filter(self, operator: Browser, state: str) -> None:
        if state == "cancelled":
            with database.begin(operator.server.engine) as connection:
                new = queue.NewJob("given-up", "integrator.sync_links", "states_com", "integrator", {})
                queue.submit(connection, new, filled.STARTED)
                queue.cancel(connection, new.id, filled.STARTED)
        with database.read(operator.server.engine) as connection:
            expected = [row.id for row in records.find(connection, states=[state])]
        page = operator.open(f"/operations/jobs?state={state}")
        [table] = page.xpath("//table[@aria-labelledby='ended']")
        assert expected
        assert [one.get("href").rpartition("/")[2] for one in table.xpath(".//th/a")] == expected
        assert page.xpath("//select[@name='state']/option[@selected]/text()") == [state]

    def test_an_unknown_state_is_refused(self, operator: Browser) -> None:
        assert operator.server.ask("/operations/jobs?state=gone", cookie=operator.cookie).status == 422

    def test_older_ones_are_on_further_pages(self, operator: Browser) -> None:
        with database.begin(operator.server.engine) as connection:
            for number in range(60):
                new = queue.NewJob(f"old-{number}", "integrator.sync_links", "many_com", "integrator", {"year": number})
                queue.submit(connection, new, filled.STARTED - timedelta(minutes=number))
                queue.cancel(connection, new.id, filled.STARTED)
        page = operator.open("/operations/jobs?vendor=many_com")
        [older] = page.xpath("//a[@rel='next']")
        second = operator.open(older.get("href"))
        assert (len(rows(page, "ended")), len(rows(second, "ended"))) == (50, 10)
        assert not second.xpath("//a[@rel='next']")

    def test_one_says_what_it_was_asked_for_and_what_it_changed(self, operator: Browser) -> None:
        page = operator.open(f"/operations/jobs/{RUN}")
        facts = text(page.get_element_by_id("job"))
        for words in ("succeeded", "year=1985", "on node-1, attempt 1 of 3", "Result 5 changes", "Finished"):
            assert words in facts
        assert page.get_element_by_id("job").get("hx-trigger") is None
        assert "has finished already" in text(operator.open_form(f"/operations/jobs/{RUN}/cancel", 422))

    def test_its_changes_are_those_since_it_was_submitted(self, operator: Browser) -> None:
        with database.begin(operator.server.engine) as connection:
            cheaper = filled.the_piece(THIRD, 39.999, price_minor=1395)
            catalog_store.write(connection, [cheaper], job_id=RUNNING, now=filled.NOW)
            later = filled.NOW + timedelta(minutes=1)  # six after the run that it is said to be of has ended
            late = filled.made_up(SECOND, 5)
            late.price_minor, late.read_at = 1, later
            catalog_store.write(connection, [late], job_id=RUN, now=later)
        found = rows(operator.open(f"/operations/jobs/{RUNNING}/live"), "changes")
        assert [row[:4] for row in found] == [[NAME, "price", "14.95", "13.95 USD"]]
        assert not operator.open(f"/operations/jobs/{RUN}").xpath("//table[@aria-labelledby='changes']")
        assert operator.open(f"/operations/jobs/{RUNNING}/live").get("hx-trigger") == POLLED

    def test_a_root_is_a_tree_and_is_cancelled_as_one(self, operator: Browser, config: Config) -> None:
        root = submission.submit("integrator.sync_vendor", {"vendor": FIRST}, config=config)
        [top, *below] = [row for row in rows(operator.open("/operations/jobs"), "open") if row[0] != ""][:3]
        assert top[:4] == ["integrator.sync_vendor", FIRST, "running", "0 of 2 jobs"]
        assert {row[0] for row in below} == {"integrator.sync_links", "integrator.sync_products"}
        page = operator.open(f"/operations/jobs/{root.id}")
        assert [row[3] for row in rows(page, "children")] == ["", ""]
        said = operator.follows(operator.press(f"/operations/jobs/{root.id}", "Cancel the job"))
        assert said == "The job is being cancelled."
        assert ("tester", "jobs", "cancel") in grants(operator.server)
        assert job(operator.server, root.id).state == "cancelled"
        page = operator.open(f"/operations/jobs/{root.id}")
        assert all(row[2] == "cancelled" and row[3] for row in rows(page, "children"))
        assert "Cancel the job" not in buttons(page)

    def test_one_is_cancelled_in_the_list(self, operator: Browser) -> None:
        button = f"Cancel integrator.sync_products of {FIRST}"
        answer = operator.press("/operations/jobs", button)
        assert answer.headers["location"] == f"/operations/jobs/{QUEUED}?done=cancelled"
        assert job(operator.server, QUEUED).state == "cancelled"
        assert button not in buttons(operator.open("/operations/jobs"))


class TestSchedule:
    def schedule(self, browser: Browser, name: str) -> schedules.ScheduleRow:
        with database.read(browser.server.engine) as connection:
            found = schedules.get(connection, name)
        assert found is not None
        return found

    def test_one_is_paused_and_resumed(self, operator: Browser) -> None:
        path = "/operations/schedule"
        assert ["links", "every hour"] in [[row[0], row[2]] for row in rows(operator.open(path), "title")]
        assert operator.follows(operator.press(path, "Pause links")) == "The schedule is paused."
        assert self.schedule(operator, "links").paused
        assert ["links", "paused"] in [row[:2] for row in rows(operator.open(path), "title")]
        assert operator.follows(operator.press(path, "Resume links")) == "The schedule fires again."
        assert not self.schedule(operator, "links").paused
        assert ("tester", "schedules", "write") in grants(operator.server)

    def test_one_is_run_now(self, operator: Browser) -> None:
        answer = operator.press("/operations/schedule", "Run links now")
        assert operator.follows(answer) == "The job is submitted."
        job_id = answer.headers["location"].rpartition("/")[2].partition("?")[0]
        found = job(operator.server, job_id)
        assert (found.name, found.submitted_by) == ("integrator.sync_all", "schedule links, by tester")

    def test_firings_lead_to_their_jobs(self, operator: Browser) -> None:
        now = datetime.now(UTC)
        with database.begin(operator.server.engine) as connection:
            for minutes, job_id, error in ((2, RUN, None), (1, None, "There is no vendor.")):
                due = now - timedelta(minutes=minutes)
                schedules.fire(connection, "links", due, now)
                schedules.fired(connection, "links", due, job_id=job_id, error=error)
        page = operator.open("/operations/schedule")
        assert [row[3] for row in rows(page, "firings")] == ["refused There is no vendor.", RUN]


class TestHeld:
    def test_both_values_and_why(self, operator: Browser) -> None:
        found = rows(operator.open("/operations/held"), "title")
        [row] = [row for row in found if row[0] == f"{NAME} {SECOND}"]
        assert row[1:4] == ["price", "27.95", "995.00 USD"]
        assert row[4]
        page = operator.open("/operations/held")
        [link] = page.xpath(f"//th//a[.='{NAME}']")
        assert link.get("href") == "https://hookedonhallmark.example/9001.html"
        assert {"noopener", "nofollow"} <= set(link.get("rel").split())

    def test_one_is_released(self, operator: Browser) -> None:
        answer = operator.press("/operations/held", f"Release price of {NAME} at {SECOND}")
        assert operator.follows(answer) == "The changes are applied."
        with database.read(operator.server.engine) as connection:
            product = products.get(connection, f"{SECOND}:9001")
            [decided] = held_changes.find(connection, state="released", vendor=SECOND)
        assert product is not None
        assert (product.price_minor, decided.decided_by) == (99500, "tester")
        assert ("tester", "held", "write") in grants(operator.server)
        again = operator.open_form("/operations/held/release", 404, id=str(decided.id))
        assert "Nothing is held as " in text(again)

    def test_all_of_a_vendor_are_discarded(self, operator: Browser) -> None:
        path = f"/operations/held?vendor={THIRD}"
        assert len(rows(operator.open(path), "title")) == 2
        answer = operator.press(path, f"Discard all of {THIRD}")
        assert operator.follows(answer).startswith("The changes are discarded")
        with database.read(operator.server.engine) as connection:
            assert [row.state for row in held_changes.find(connection, state=None, vendor=THIRD)] == ["discarded"] * 2
        assert f"No change of {THIRD} is in quarantine." in text(operator.open(path))


class TestWhoMay:
    PAGES = ("", "/now", "/jobs", "/jobs/live", f"/jobs/{RUN}", f"/jobs/{RUN}/logs", "/schedule", "/held", "/logs",
             "/logs/more", f"/vendors/{FIRST}")  # fmt: skip

    def test_a_collector_is_refused_with_a_page_and_sees_no_link(self, own: Server) -> None:
        collector = Browser(own, own.sign_in(own.key("user")))
        for path in self.PAGES:
            page = collector.open(f"/operations{path}", 403)
            assert "user (user) has no permission" in text(page)
            assert not page.xpath("//a[@href='/operations']")

    def test_nobody_is_led_to_sign_in(self, own: Server) -> None:
        answer = own.ask(f"/operations/jobs/{RUN}?done=cancelled", anonymous=True)
        assert answer.status == 303
        assert answer.headers["location"] == f"/sign-in?next=%2Foperations%2Fjobs%2F{RUN}%3Fdone%3Dcancelled"

    def test_a_key_for_one_vendor_sees_and_does_nothing_else(self, own: Server, redis: Redis) -> None:
        say(redis, "of its own", vendor=FIRST)
        say(redis, "of another", vendor=SECOND)
        scoped = Browser(own, own.sign_in(own.key(user="scoped", vendors=[FIRST])))
        assert [row[0] for row in rows(scoped.open("/operations"), "vendors")] == [FIRST]
        assert {row[1] for row in rows(scoped.open("/operations/jobs"), "ended")} == {FIRST}
        assert SECOND not in text(scoped.open("/operations/held"))
        assert "all vendors" in text(scoped.open("/operations/schedule", 403))
        lines = [text(line) for line in scoped.open("/operations/logs?level=DEBUG").find_class("line")]
        assert lines
        assert all(FIRST in line for line in lines)
        for path in (f"vendors/{SECOND}", f"jobs/{FAILED}", f"jobs/{FAILED}/live", f"jobs/{FAILED}/logs"):
            scoped.open(f"/operations/{path}", 404)
        with database.begin(own.engine) as connection:
            dear = filled.the_piece(SECOND, 39.99, price_minor=1)
            catalog_store.write(connection, [dear], job_id=RUN, now=filled.NOW, watch=Doubting(("price_minor",)))
            [doubted] = held_changes.find(connection, vendor=SECOND)
        for path, fields in (
            (f"jobs/{RUNNING}/cancel", {}), (f"vendors/{THIRD}/accept", {}), ("held/release", {"vendor": SECOND}),
            ("held/discard", {"id": str(doubted.id)}),
        ):  # fmt: skip
            scoped.open_form(f"/operations/{path}", 404, **fields)
        assert job(own, RUNNING).cancel_requested is False
        with database.read(own.engine) as connection:
            assert held_changes.find(connection, vendor=SECOND) == [doubted]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("jobs/%00", 422), ("jobs/" + "a" * 65, 422), ("jobs/no-such-job", 404), ("jobs?before=abc", 422),
        ("jobs?state=asleep", 422), ("jobs?vendor=%27;--", 422), ("vendors/%00", 422),
        ("vendors/no_such_shop", 404), (f"vendors/{FIRST}?window=9y", 422), ("?page=0", 422), ("?page=10000", 200),
        ("?done=%3Cscript%3E", 422), ("held?before=9223372036854775808", 422), ("held?vendor=%00", 422),
        ("logs?level=LOUD", 422), ("logs/more?after=abc", 422), ("logs/more?after=99999999999999999999-0", 422),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused(operator: Browser, path: str, status: int) -> None:
    address = f"/operations{path}" if path.startswith("?") else f"/operations/{path}"
    assert operator.open(address, status).xpath("//h1")


@pytest.mark.parametrize(
    ("path", "fields", "status"),
    [
        ("held/release", {}, 422), ("held/release", {"id": "1; drop"}, 422), ("held/release", {"id": "9" * 30}, 422),
        ("held/discard", {"id": "0"}, 422), ("held/discard", {"id": "\u0663"}, 422),
        ("held/discard", {"id": "99"}, 404), ("held/discard", {"vendor": "a\0b"}, 422), ("schedule/pause", {}, 422),
        ("schedule/pause", {"name": "none"}, 422), ("schedule/run", {"name": "a\0b"}, 422),
        ("schedule/run", {"name": "a" * 201}, 422),
        ("jobs/none/cancel", {}, 404), ("vendors/no_such_shop/accept", {}, 404),
    ],
)  # fmt: skip
def test_forms_that_cannot_be_are_refused(operator: Browser, path: str, fields: dict[str, str], status: int) -> None:
    assert operator.open_form(f"/operations/{path}", status, **fields).xpath("//h1")


@pytest.mark.integration
def test_the_pages_say_so_while_redis_is_away(tmp_path: Path) -> None:
    with serving(tmp_path, filled.file(tmp_path, 5), CHRISTMAS__REDIS__URL="redis://127.0.0.1:9") as server:
        operator = Browser(server, server.sign_in())
        assert "Redis does not answer, so the nodes are not known." in text(operator.open("/operations"))
        assert "the measurements cannot be shown" in text(operator.open(f"/operations/vendors/{FIRST}"))
        answer = server.ask("/operations/logs", cookie=operator.cookie)
        assert (answer.status, answer.headers["retry-after"]) == (503, "5")
        assert "Redis unavailable" in text(html.fromstring(answer.text))
