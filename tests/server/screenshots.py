"""The pictures of the documentation: ``python -m tests.server.screenshots`` takes them of catalogs that are made up."""

from __future__ import annotations

import io
import tempfile
from contextlib import nullcontext
from pathlib import Path

from playwright.sync_api import Page, Route
from rich.console import Console
from sqlalchemy import Engine, update

from christmas.db import database
from christmas.db.tables import keys, products
from christmas.demo import run
from christmas.demo.drawings import drawing
from christmas.demo.ornaments import Ornament, ornament
from tests.server import filled
from tests.server.chromium import chromium, window
from tests.server.running import serving

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
WIDTH = 1100
# Each with its height in pixels.
PAGES = {
    "search.png": ("/?q=frosty+freinds", 900),
    "piece.png": (f"/pieces/{filled.YEAR}/{filled.PIECE}", 1150),
    "operations.png": ("/operations", 740),
}
TERMINAL_COLUMNS = 118


def main() -> None:
    """Take them all, in light colours."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _pages(folder / "pages")
        _result(folder / "demo")


def _pages(folder: Path) -> None:
    with serving(folder, filled.file(folder, 120)) as server, chromium() as browser:
        _photograph(server.engine, server.url)
        cookie = {"name": "christmas_session", "value": server.sign_in(), "url": server.url}
        for name, (path, height) in PAGES.items():
            size = {"width": WIDTH, "height": height}
            with window(browser, server.url, viewport=size, color_scheme="light") as page:
                _draw(page)
                page.context.add_cookies([cookie])
                page.goto(path)
                page.wait_for_load_state("networkidle")
                page.screenshot(path=PICTURES / name)


def _photograph(engine: Engine, url: str) -> None:
    """Set the address of every product's photo, by its key, and let its shop be seen a moment ago."""
    key = products.c.key_id
    with database.begin(engine) as connection:
        connection.execute(update(keys).values(last_seen=filled.NOW))
        for row in connection.execute(keys.select().with_only_columns(keys.c.id, keys.c.key)):
            connection.execute(update(products).where(key == row.id).values(image_url=f"{url}/photos/{row.key}.svg"))


def _draw(page: Page) -> None:
    """Answer the photos' addresses with drawings."""

    def answer(route: Route) -> None:
        number = int(Path(route.request.url).stem)
        named = Ornament(number, filled.YEAR, filled.NAME.removeprefix(f"{filled.YEAR} "), filled.PIECE, 1295)
        one = named if number == 9001 else ornament(number, 7, 20)
        route.fulfill(body=drawing(one), content_type="image/svg+xml")

    page.route("**/photos/*.svg", answer)


def _result(folder: Path) -> None:
    """Take the end of ``make run`` from the terminal."""
    quiet, terminal = (Console(file=io.StringIO(), record=record, width=TERMINAL_COLUMNS) for record in (False, True))
    run.run(folder, quiet, lambda *_: nullcontext(lambda _: None), once=True)
    engine = database.open_engine(f"sqlite:///{folder / 'christmas.db'}")
    run.report(engine, terminal)
    engine.dispose()
    terminal.save_svg(str(PICTURES / "result.svg"), title="make run")


if __name__ == "__main__":
    main()
