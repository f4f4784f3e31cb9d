"""Pages, API and commands say the same of one catalog: how much there is, what can be bought, and which offer is best.

Three shops, two currencies, a preorder and a delisted product: where their meanings differed, the numbers did.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from christmas import config
from christmas.catalog.writing import store
from christmas.db import database
from christmas.db.tables import keys
from christmas.items import Availability, Product
from tests.commands.test_cli import Command
from tests.server.browsing import Browser, rows, text
from tests.server.running import Server, serving

pytestmark = pytest.mark.integration

NOW = datetime.now(UTC).replace(microsecond=0)
BELLS, STARS, TREES = "bells_com", "stars_com", "trees_com"
SKU, YEAR = "QX4822", 1985


def product(vendor: str, key: str, price: int | None, **values: Any) -> Product:
    common: dict[str, Any] = {
        "url": f"https://{vendor}/{key}", "name": "1985 Frosty Friends", "sku": SKU, "release_year": YEAR,
        "currency": "USD", "availability": Availability.IN_STOCK, "source": "json-ld", "read_at": NOW,
    }  # fmt: skip
    return Product(vendor, key, price_minor=price, **(common | values))


# What is cheapest is no offer, once each: sold out, delisted, in another currency, without a price.
PRODUCTS = (
    product(BELLS, "stock", 3000),
    product(BELLS, "preorder", 2500, availability=Availability.PREORDER),
    product(BELLS, "sold-out", 500, availability=Availability.OUT_OF_STOCK),
    product(BELLS, "delisted", 400),
    product(STARS, "euros", 900, currency="EUR"),
    product(STARS, "delisted", 100, currency="EUR"),
    product(TREES, "low", 2700, availability=Availability.LOW_STOCK),
    product(TREES, "unpriced", None, currency="USD"),
    product(TREES, "unknown", 300, availability=Availability.UNKNOWN),
    product(TREES, "later", 2000, sku="QX9999", name="1986 Frosted Bell", release_year=1986),
)
COUNTS = {BELLS: (3, 2), STARS: (1, 1), TREES: (4, 3)}
BEST, BEST_PRICE = (BELLS, "preorder"), "25.00"
IN_STOCK = {"in_stock", "low_stock", "preorder"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("one-answer")
    engine = database.open_engine(f"sqlite:///{folder / 'christmas.db'}")
    database.upgrade(engine)
    with database.begin(engine) as connection:
        for vendor in COUNTS:
            some = [one for one in PRODUCTS if one.vendor == vendor]
            store.write(connection, some, job_id="run", now=NOW)
        connection.execute(update(keys).where(keys.c.key == "delisted").values(gone_since=NOW))
    engine.dispose()
    with serving(folder) as running:
        yield running


@pytest.fixture(scope="module")
def browser(server: Server) -> Browser:
    return Browser(server, server.sign_in())


@pytest.fixture
def christmas(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Command]:
    monkeypatch.setenv("CHRISTMAS__DATABASE__URL", str(server.engine.url))
    monkeypatch.setenv("CHRISTMAS__VAR_PATH", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    config.current.cache_clear()
    yield Command(capsys, monkeypatch)
    config.current.cache_clear()


def api(server: Server, path: str) -> Any:
    answer = server.ask(f"/api/v1/{path}")
    assert answer.status == 200, answer.text
    return answer.json


def command(christmas: Command, *arguments: str) -> str:
    status, out, err = christmas(*arguments)
    assert status == 0, err
    return out


def listed(christmas: Command, *arguments: str) -> list[dict[str, Any]]:
    return json.loads(command(christmas, "products", "--format", "json", *arguments))  # type: ignore[no-any-return]


def names(products: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(one["vendor"], one["key"]) for one in products}


def test_how_many_products_each_vendor_has_and_can_sell(server: Server, browser: Browser, christmas: Command) -> None:
    of_api = {one["name"]: (one["products"], one["in_stock"]) for one in api(server, "vendors")["items"]}
    of_page = {row[0]: (int(row[3]), int(row[4])) for row in rows(browser.open("/operations"), "vendors")}
    lines = [re.findall(r"[\w-]+", line) for line in command(christmas, "vendors").splitlines()]
    of_command = {line[0]: (int(line[1]), int(line[2])) for line in lines if line and line[0] in of_api}
    assert of_api == of_page == of_command
    for vendor, (products, in_stock) in COUNTS.items():
        assert of_api[vendor] == (products, in_stock)
        one = api(server, f"vendors/{vendor}")
        assert (one["products"], one["in_stock"]) == (products, in_stock)
        assert f"Products: {products}, {in_stock} in stock" in text(browser.open(f"/operations/vendors/{vendor}"))
        found = listed(christmas, "--vendor", vendor)
        assert (len(found), sum(row["availability"] in IN_STOCK for row in found)) == (products, in_stock)
        assert names(found) == names(api(server, f"products?vendor={vendor}")["items"])
        query = "&".join(f"availability={one}" for one in sorted(IN_STOCK))
        assert len(api(server, f"products?vendor={vendor}&{query}")["items"]) == in_stock


def test_delisted_products_are_shown_where_they_are_asked_for(server: Server, christmas: Command) -> None:
    everything = {(one.vendor, one.key) for one in PRODUCTS}
    assert names(listed(christmas, "--gone")) == names(api(server, "products?gone=true&limit=200")["items"])
    assert names(listed(christmas, "--gone")) == everything
    exported = server.ask("/api/v1/export?format=jsonl").text.splitlines()
    assert names([json.loads(line) for line in exported]) == names(listed(christmas))


@pytest.mark.parametrize("query", ["", f"&year={YEAR}"])
def test_the_best_offer(server: Server, browser: Browser, christmas: Command, query: str) -> None:
    of_api = api(server, f"offers?sku={SKU}{query}")
    best = of_api["best"]
    assert (best["vendor"], best["price"], best["currency"]) == (BEST[0], BEST_PRICE, "USD")
    order = [(one["vendor"], one["key"]) for one in of_api["items"]]
    assert order[0] == BEST
    of_command = json.loads(command(christmas, "offers", SKU, "--format", "json"))
    assert [(one["vendor"], one["key"]) for one in of_command] == order
    page = browser.open(f"/pieces/{YEAR}/{SKU}")
    shown = [
        (row[0].removesuffix(" best price"), row[1].partition(" was ")[0], row[0].endswith(" best price"))
        for row in rows(page, "offers")
    ]
    assert [row[0].lower() for row in shown] == [vendor.removesuffix("_com") for vendor, _ in order]
    assert [number for number, row in enumerate(shown) if row[2]] == [0]
    assert BEST_PRICE in shown[0][1]
    [piece] = [one for one in api(server, "pieces")["items"] if one["piece"] == SKU]
    assert piece["best"] == best
    [card] = [one for one in browser.open("/").find_class("piece") if "1985" in text(one)]
    assert f"{BEST_PRICE} at Bells" in text(card)


@pytest.mark.parametrize("words", ["frosty", "freinds", "1986", "qx 4822", "bell", "nothing-like-it"])
def test_a_text_finds_the_same(server: Server, browser: Browser, christmas: Command, words: str) -> None:
    of_api = api(server, f"products?text={words.replace(' ', '%20')}&limit=200")["items"]
    assert names(listed(christmas, "--text", words)) == names(of_api)
    cards = browser.open(f"/?q={words.replace(' ', '+')}").find_class("piece")
    assert len(cards) == len({one["piece"] for one in of_api})


def test_a_bound_of_the_price_is_in_one_currency(server: Server, christmas: Command) -> None:
    found = names(listed(christmas, "--max-price", "10.00"))
    assert found == names(api(server, "products?price_max=10.00")["items"])
    assert found == {(BELLS, "sold-out"), (TREES, "unknown")}
