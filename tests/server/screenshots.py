"""The README's pictures: ``python -m tests.server.screenshots`` takes them of a catalog that is made up."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.server import filled
from tests.server.chromium import chromium, window
from tests.server.running import serving

DOCS = Path(__file__).parents[2] / "docs" / "pictures"
WIDTH = 1100
# Each with its height in pixels.
PAGES = {
    "search.png": ("/?q=frosty+freinds", 820),
    "piece.png": (f"/pieces/{filled.YEAR}/{filled.PIECE}", 1150),
    "operations.png": ("/operations", 740),
}


def main() -> None:
    """Take them all, in light colours."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with serving(folder, filled.file(folder, 120)) as server, chromium() as browser:
            cookie = {"name": "christmas_session", "value": server.sign_in(), "url": server.url}
            for name, (path, height) in PAGES.items():
                size = {"width": WIDTH, "height": height}
                with window(browser, server.url, viewport=size, color_scheme="light") as page:
                    page.context.add_cookies([cookie])
                    page.goto(path)
                    page.wait_for_load_state("networkidle")
                    page.screenshot(path=DOCS / name)


if __name__ == "__main__":
    main()
