"""The offers of one SKU in all shops."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from christmas.catalog import products
from christmas.catalog.writing import store
from christmas.db import database
from christmas.items import Availability
from tests.server import filled
from tests.server.running import Server

OFFERS = "/api/v1/offers"
FIRST, SECOND, THIRD = filled.VENDORS


def offers(server: Server, query: str, **more: Any) -> dict[str, Any]:
    answer = server.ask(f"{OFFERS}?{query}", **more)
    assert answer.status == 200, answer.text
    found: dict[str, Any] = answer.json
    return found


@pytest.mark.parametrize("spelling", ["QX4822", "qx 4822", "1295QX4822", "QX-4822NB"])
@pytest.mark.parametrize("year", ["", "&year=1985"])
def test_every_spelling_finds_the_offers_of_all_shops(shared: Server, spelling: str, year: str) -> None:
    found = offers(shared, f"sku={quote(spelling)}{year}")
    assert (found["piece"], found["release_year"], found["name"]) == ("QX4822", 1985, filled.NAME)
    assert found["more"] is False
    assert [(one["vendor"], one["price"]) for one in found["items"]] == [
        (THIRD, "14.95"), (SECOND, "27.95"), (FIRST, "29.95")
    ]  # fmt: skip
    assert (found["best"]["vendor"], found["best"]["price"]) == (THIRD, "14.95")
    assert found["best"]["product_id"] == found["items"][0]["id"]


def test_lowest_ever_and_usual_range(shared: Server) -> None:
    found = offers(shared, "sku=QX4822&year=1985")
    assert found["lowest_ever"] | {"at": ""} == {"price": "14.95", "currency": "USD", "vendor": THIRD, "at": ""}
    assert found["lowest_ever"]["at"] >= found["items"][0]["first_seen"]
    # For most of the 40 days 15.95 was asked by one, 24.95 to 27.95 by another, and 29.95 and more by the last.
    assert found["usual_range"] == {"low": "15.95", "high": "29.95", "currency": "USD"}


def test_a_key_of_one_vendor_learns_of_no_other(shared: Server) -> None:
    key = shared.key("user", user="collector-of-offers", vendors=[FIRST])
    for year in ("", "&year=1985"):
        found = offers(shared, f"sku=QX4822{year}", key=key)
        assert [one["vendor"] for one in found["items"]] == [FIRST]
        assert found["best"]["vendor"] == FIRST
        assert (found["lowest_ever"]["vendor"], found["lowest_ever"]["price"]) == (FIRST, "29.95")


@pytest.mark.parametrize("query", ["sku=QX9999999", "sku=QX4822&year=1986", "sku=N/A"])
def test_nobody_offers_it(shared: Server, query: str) -> None:
    found = offers(shared, query)
    assert found["items"] == []
    assert [found[name] for name in ("name", "best", "lowest_ever", "usual_range")] == [None] * 4


def test_other_currencies_are_not_compared(shared: Server) -> None:
    found = offers(shared, "sku=QX4822&currency=EUR")
    assert len(found["items"]) == 3
    assert [found[name] for name in ("best", "lowest_ever", "usual_range")] == [None] * 3


@pytest.fixture
def mystery(shared: Server) -> Iterator[None]:
    """Provide three shops a SKU: sold out and cheapest in one, and of another year in another; removed afterwards."""
    common: dict[str, Any] = {"name": "A Mystery", "sku": "QXM900", "release_year": 1985}
    items = [
        filled.item(FIRST, "m1", price_minor=500, **(common | {"availability": Availability.OUT_OF_STOCK})),
        filled.item(SECOND, "m1", price_minor=700, **common),
        filled.item(THIRD, "m1", price_minor=600, **(common | {"release_year": 1999})),
    ]
    with database.begin(shared.engine) as connection:
        store.write(connection, items, job_id=filled.RUN, now=filled.NOW)
    yield
    with database.begin(shared.engine) as connection:
        for vendor in filled.VENDORS:
            product = products.get(connection, f"{vendor}:m1")
            assert product is not None
            assert products.remove(connection, product.id)


@pytest.mark.usefixtures("mystery")
def test_what_is_sold_out_or_of_another_year_is_no_best_offer(shared: Server) -> None:
    of_year = offers(shared, "sku=QXM900&year=1985")
    assert [one["vendor"] for one in of_year["items"]] == [SECOND, FIRST]
    assert (of_year["best"]["price"], of_year["lowest_ever"]["price"]) == ("7.00", "5.00")
    of_all = offers(shared, "sku=QXM900")
    assert [one["vendor"] for one in of_all["items"]] == [THIRD, SECOND, FIRST]
    assert of_all["release_year"] is None


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "sku"), ("sku=", "sku"), ("sku=--%20--", "sku"), ("sku=a%00b", "sku"), ("sku=" + "x" * 101, "sku"),
        ("sku=QX4822&year=0", "year"), ("sku=QX4822&year=abc", "year"), ("sku=QX4822&currency=1", "currency"),
        ("sku=QX4822&limit=1", "limit"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named(shared: Server, query: str, says: str) -> None:
    answer = shared.ask(f"{OFFERS}?{query}")
    assert answer.status == 422, answer.text
    assert says in answer.json["detail"]


@pytest.mark.parametrize("sku", ["' OR 1=1 --", "<script>", "QX4822*", '"QX4822"', "QX4822 | QX1", "é" * 100])
def test_syntax_in_a_sku_is_only_text(shared: Server, sku: str) -> None:
    answer = shared.ask(f"{OFFERS}?sku={quote(sku)}")
    assert answer.status in {200, 422}, answer.text
