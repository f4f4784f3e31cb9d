"""A few hundred random products of four vendors, with many ties, and what a plain program finds among them."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, text, update

from christmas.catalog import product_lists, search_terms
from christmas.catalog.filters import Filters
from christmas.catalog.products import ProductRow
from christmas.db import database
from christmas.db.tables import keys, metadata
from christmas.items import Availability
from tests.catalog.making import at, product, write

VENDORS = ("angels_example", "bells_example", "candles_example", "drums_example")
NAMES = ("Frosty Friends", "Mr. & Mrs. Santa", "Rocking Horse", "O'Malley's Café", "50th Anniversary Bell", "Tin Drum")
SERIES = (None, "Frosty Friends", "Tin Locomotive", "Café")
BRANDS = (None, "Hallmark", "HALLMARK", "Café de Noël")
SKUS = (None, "QX4822", "1295QX4822", "QXI7109", "3799QXI7109", "3799QXI-7109 NB", "QX9007", "QX 100", "N/A", "qx200")
COUNT = 300


def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, fill: Callable[[Connection], object]
) -> Iterator[Engine]:
    """Yield a catalog in the database ``request.param`` filled once for many tests, none of which changes it."""
    if request.param == "postgresql":
        found: Engine = request.getfixturevalue("postgresql")
        with database.begin(found) as connection:
            names = ", ".join(table.name for table in metadata.sorted_tables)
            connection.execute(text(f"TRUNCATE {names} RESTART IDENTITY CASCADE"))
    else:
        path = tmp_path_factory.mktemp("shelves") / "catalog.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        found = database.open_engine(f"sqlite:///{path}")
    with database.begin(found) as connection:
        fill(connection)
    yield found
    if request.param == "sqlite":
        found.dispose()


def fill(connection: Connection) -> None:
    """Write the products; some are gone, some have no price or one in another currency."""
    chance = random.Random(5)
    write(connection, *(_item(chance, number) for number in range(COUNT)))
    write(connection, product(key="0", hours=500, vendor=VENDORS[0], price_minor=4200, name="Frosty Friends"))
    gone = update(keys).where(keys.c.id % 11 == 0).values(gone_since=at(600))
    connection.execute(gone)


def _item(chance: random.Random, number: int) -> Any:
    values: dict[str, Any] = {
        "vendor": chance.choices(VENDORS, (60, 25, 14, 1))[0],
        "name": f"{chance.choice(NAMES)} #{chance.randrange(1, 13)}",
        "brand": chance.choice(BRANDS),
        "series": chance.choice(SERIES),
        "sku": chance.choice(SKUS),
        "release_year": chance.choice((None, 1985, 1985, 1994, 1995, 2001)),
        "price_minor": chance.choice((None, 500, 1000, 1000, 1995, 2400)),
        "currency": chance.choices(("USD", "EUR"), (9, 1))[0],
        "availability": chance.choice(
            (Availability.IN_STOCK, Availability.IN_STOCK, Availability.LOW_STOCK, Availability.OUT_OF_STOCK)
        ),
    }
    return product(str(number), hours=chance.randrange(40), **values)


def everything(connection: Connection) -> list[ProductRow]:
    return list(product_lists.find(connection, Filters(gone=True)))


def passing(rows: list[ProductRow], filters: Filters, sort: str) -> list[ProductRow]:
    """Return what a list must have, in order."""
    found = [row for row in rows if _passes(row, filters)]
    if sort == "changed":
        return sorted(found, key=lambda row: (row.last_changed, row.key_id), reverse=True)
    if sort.endswith("price"):
        priced = [row for row in found if row.price_minor is not None and row.currency == filters.currency]
        return sorted(priced, key=lambda row: (row.price_minor, row.key_id), reverse=sort.startswith("-"))
    dated = [row for row in found if row.release_year is not None]
    return sorted(dated, key=lambda row: (row.release_year, row.piece, row.key_id), reverse=sort.startswith("-"))


def _passes(row: ProductRow, filters: Filters) -> bool:
    return all(_answers(row, filters))


def _answers(row: ProductRow, filters: Filters) -> Iterator[bool]:
    yield filters.vendor is None or row.vendor == filters.vendor
    yield filters.vendors is None or row.vendor in filters.vendors
    yield filters.year is None or row.release_year == filters.year
    yield not filters.availability or row.availability in filters.availability
    low, high = filters.price_min_minor, filters.price_max_minor
    if low is not None or high is not None:
        yield row.price_minor is not None and row.currency == filters.currency
        yield row.price_minor is not None and (low or 0) <= row.price_minor <= (10**9 if high is None else high)
    yield filters.brand is None or (row.brand is not None and row.brand.lower() == filters.brand.lower())
    yield filters.series is None or (row.series is not None and row.series.lower() == filters.series.lower())
    yield filters.changed_since is None or row.last_changed >= filters.changed_since
    yield filters.gone or row.gone_since is None
    if filters.query is not None:
        yield not filters.query.nothing
        yield _has_words(row, filters)


def _has_words(row: ProductRow, filters: Filters) -> bool:
    query = filters.query
    assert query is not None
    words = search_terms.words_of(
        vendor=row.vendor, name=row.name, brand=row.brand, series=row.series, sku=row.sku, release_year=row.release_year
    ).split()
    asked = [word in words for word in query.words]
    asked += [any(word.startswith(start) for word in words) for start in query.prefixes]
    return (all(asked) and (bool(asked) or query.sku is None)) or query.sku in words
