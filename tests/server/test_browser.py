"""The pages as people use them, in real Chromium: collectors, operators, a phone, the dark, no JavaScript."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect

from christmas.catalog import held_changes
from christmas.catalog.writing import store
from christmas.db import database
from christmas.items import Product
from christmas.jobs import schedules
from christmas.platforms.browser import find_browser
from tests.server import filled
from tests.server.chromium import TIMEOUT_MILLISECONDS, chromium, findings, overflow, window
from tests.server.running import Server

pytestmark = pytest.mark.skipif(
    not find_browser(""), reason="needs Chromium, which .ci/run installs (apt install chromium)"
)
SUNKEN = {"light": "rgb(241, 238, 231)", "dark": "rgb(37, 42, 39)"}
PHONE = {"width": 360, "height": 740}
PIECE = f"/pieces/{filled.YEAR}/{filled.PIECE}"
COLLECTORS = ("/", "/?q=frosty", "/?q=nothingatall", PIECE, "/years", f"/years/{filled.YEAR}", "/changes", "/sign-in")
OPERATORS = (
    "/operations", "/operations/jobs", f"/operations/jobs/{filled.RUN}", "/operations/schedule", "/operations/held",
    "/operations/logs", f"/operations/vendors/{filled.VENDORS[0]}",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as found:
        yield found


def sign_in(page: Page, server: Server, role: str = "internal") -> None:
    user, key = server.key(role, user=f"browser-{role}")
    page.goto("/sign-in")
    page.get_by_label("User name").fill(user)
    page.get_by_label("Key").fill(key)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()


def test_from_a_misspelt_search_to_the_chart_and_the_run(browser: Browser, own: Server) -> None:
    with window(browser, own.url) as page:
        sign_in(page, own)
        page.goto("/")
        page.get_by_role("searchbox").or_(page.get_by_role("combobox", name="Name, series")).first.fill(
            "frosty freinds 1985"
        )
        page.keyboard.press("Enter")
        expect(page.get_by_text("Showing results for")).to_contain_text("frosty friends 1985")
        expect(page).to_have_url(re.compile(r"q=frosty\+freinds\+1985"))
        page.get_by_role("link", name=filled.NAME).click()
        expect(page).to_have_url(re.compile(f"{PIECE}$"))
        expect(page.get_by_role("row")).to_have_count(1 + len(filled.VENDORS))
        expect(page.locator("#chart canvas")).to_be_visible()
        # From a point to the run that read it, by keyboard.
        page.locator("#chart").focus()
        page.keyboard.press("End")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(f"/operations/jobs/{filled.RUN}$"))


def test_suggestions_by_keyboard(browser: Browser, own: Server) -> None:
    with window(browser, own.url) as page:
        sign_in(page, own, "user")
        page.goto("/")
        box = page.get_by_role("combobox", name="Name, series, year or SKU")
        box.press_sequentially("fros")
        expect(page.get_by_role("option").first).to_be_visible()
        page.keyboard.press("ArrowDown")
        expect(page.get_by_role("option").first).to_have_attribute("aria-selected", "true")
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(r"\?q=frost"))
        expect(page.get_by_role("link", name=filled.NAME)).to_be_visible()


def test_an_operator_pauses_a_schedule(browser: Browser, own: Server) -> None:
    with window(browser, own.url) as page:
        sign_in(page, own)
        page.get_by_role("link", name="Operations").click()
        page.get_by_role("link", name="Schedule").first.click()
        page.get_by_role("button", name="Pause stale").click()
        expect(page.get_by_role("button", name="Resume stale")).to_be_visible()
        with database.read(own.engine) as connection:
            row = schedules.get(connection, "stale")
        assert row is not None
        assert row.paused


def test_an_operator_releases_a_held_change(browser: Browser, own: Server) -> None:
    with database.read(own.engine) as connection:
        before = held_changes.count(connection)
    with window(browser, own.url) as page:
        sign_in(page, own)
        page.goto("/operations/held")
        button = page.get_by_role("button", name=f"Release price of {filled.NAME}")
        expect(button).to_be_visible()
        button.click()
        expect(page.get_by_role("button", name=f"Release price of {filled.NAME}")).to_have_count(0)
        page.goto(PIECE)
        expect(page.get_by_role("row").filter(has_text="hookedonhallmark").first).to_contain_text("$995.00")
    with database.read(own.engine) as connection:
        assert sum(held_changes.count(connection).values()) == sum(before.values()) - 1


def test_running_jobs_are_followed(browser: Browser, own: Server) -> None:
    with window(browser, own.url) as page:
        sign_in(page, own)
        page.goto("/operations/jobs")
        bar = page.get_by_role("progressbar").first
        expect(bar).to_have_attribute("value", "30")
        with database.begin(own.engine) as connection:
            from christmas.jobs import queue

            outcome = {"pages_read": 60, "pages_planned": 120}
            queue.heartbeat(connection, filled.RUNNING, 1, now=filled.NOW, outcome=outcome)
        expect(page.get_by_role("progressbar").first).to_have_attribute("value", "60")


@pytest.mark.parametrize("turn", [0, pytest.param(1, marks=pytest.mark.long)])
def test_everybody_can_use_it(browser: Browser, own: Server, turn: int) -> None:
    """Light on a desk or dark on a phone: axe-core finds nothing serious, and nothing is wider than the window."""
    cookie = {"name": "christmas_session", "value": own.sign_in(), "url": own.url}
    paths = [*COLLECTORS, *OPERATORS]
    wrong = []
    for scheme, size, chosen in (
        ("light", {"width": 1200, "height": 900}, paths[turn::2]),
        ("dark", PHONE, paths[1 - turn :: 2]),
    ):
        with window(browser, own.url, color_scheme=scheme, viewport=size, has_touch=size == PHONE) as page:
            page.context.add_cookies([cookie])
            for path in chosen:
                page.goto(path)
                wrong += [f"{path} {scheme}: {one}" for one in findings(page)]
                if overflow(page) > 0:
                    wrong.append(f"{path} {scheme} is {overflow(page)} pixels too wide")
                if page.locator("h1").count() != 1:
                    wrong.append(f"{path} has not one title")
    assert wrong == []


def test_fifty_changes_are_short_on_a_phone(browser: Browser, own: Server) -> None:
    moment = datetime.now(UTC) - timedelta(minutes=10)
    items = [filled.made_up(filled.VENDORS[1], number) for number in range(1, 41)] * 2
    with database.begin(own.engine) as connection:
        for minute, some in enumerate((items[:40], items[40:])):
            for item in some:
                item.price_minor = (item.price_minor or 0) + 100 * (minute + 1)
                item.read_at = moment + timedelta(minutes=minute)
            store.write(connection, some, job_id=filled.RUN, now=moment + timedelta(minutes=minute))
    with window(browser, own.url, viewport=PHONE) as page:
        sign_in(page, own, "user")
        page.goto("/changes")
        assert page.locator(".lines tbody tr").count() == 50
        assert page.evaluate("document.documentElement.scrollHeight") < 4_000


def test_the_chart_of_a_new_ornament_ends_now(browser: Browser, own: Server) -> None:
    """The x axis of a minute's data shows that minute, not an hour that has yet to come."""
    item = filled.made_up(filled.VENDORS[0], 777)
    item.read_at = datetime.now(UTC) - timedelta(seconds=90)
    with database.begin(own.engine) as connection:
        store.write(connection, [item], job_id=filled.RUN, now=item.read_at)
    with window(browser, own.url) as page:
        sign_in(page, own)
        page.add_init_script(
            "Object.defineProperty(window, 'uPlot', {configurable: true, get() { return this.plots; }, set(plot) {"
            " this.plots = new Proxy(plot, {construct: (target, given) => this.drawn = new target(...given)}); }});"
        )
        page.goto(f"/pieces/{item.release_year}/{item.sku}")
        expect(page.locator("#chart canvas")).to_be_visible()
        low, high = page.evaluate("[drawn.scales.x.min, drawn.scales.x.max]")
        assert 60 <= high - low < 300
        assert high - datetime.now(UTC).timestamp() < 5


def photographed(server: Server, name: str) -> Product:
    """Write a product whose photo is at an address of the server itself."""
    item = filled.made_up(filled.VENDORS[0], 2)
    item.image_url, item.read_at = f"{server.url}/static/x/{name}.svg", datetime.now(UTC)
    with database.begin(server.engine) as connection:
        store.write(connection, [item], job_id=filled.RUN, now=item.read_at)
    return item


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_photo_that_fails_becomes_the_placeholder(browser: Browser, own: Server, scheme: str) -> None:
    context = browser.new_context(base_url=own.url, color_scheme=scheme)
    context.add_cookies([{"name": "christmas_session", "value": own.sign_in(), "url": own.url}])
    page = context.new_page()
    for name, expected in (("missing", "no-photo"), ("icon", "icon")):
        item = photographed(own, name)
        page.goto(f"/?q={item.sku}")
        image = page.locator(".piece img").first
        expect(image).to_have_attribute("src", re.compile(f"/{expected}.svg$"), timeout=TIMEOUT_MILLISECONDS)
        page.wait_for_function("document.querySelector('.piece img').naturalWidth > 0")
        shown = image.evaluate("image => getComputedStyle(image).backgroundColor")
        assert (shown == SUNKEN[scheme]) == (name == "missing")
    context.close()


def test_without_javascript(browser: Browser, own: Server) -> None:
    with window(browser, own.url, java_script_enabled=False) as page:
        sign_in(page, own)
        page.goto("/")
        page.get_by_label("Name, series, year or SKU").fill("qx 4822")
        page.get_by_role("button", name="Search").click()
        page.get_by_role("link", name=filled.NAME).click()
        page.get_by_text("Prices as a table").click()
        expect(page.get_by_role("table").nth(1)).to_contain_text("$38.95")
        page.goto("/operations/schedule")
        page.get_by_role("button", name="Pause gone").click()
        expect(page.get_by_role("button", name="Resume gone")).to_be_visible()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("banner").get_by_role("link", name="Sign in")).to_be_visible()


def test_the_first_thing_that_tab_reaches_skips_to_the_content(browser: Browser, own: Server) -> None:
    with window(browser, own.url) as page:
        page.goto("/sign-in")
        page.keyboard.press("Tab")
        expect(page.get_by_text("Skip to the content")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#main")).to_be_focused()
