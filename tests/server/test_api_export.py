"""Exports: every product once, within the scope, in flat memory; and nothing is left of a client that goes away."""

from __future__ import annotations

import csv
import http.client
import io
import json
import os
import sqlite3
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from christmas.catalog import export
from christmas.db import database
from tests.farm import until
from tests.server import filled
from tests.server.running import Server, serving

EXPORT = "/api/v1/export"
FIRST, SECOND, THIRD = filled.VENDORS
BIG, MANY = "big_shop_com", 100_000
MEGABYTE = 1 << 20


def read(kind: str, body: bytes) -> list[dict[str, Any]]:
    if kind == "parquet":
        rows: list[dict[str, Any]] = pq.read_table(io.BytesIO(body)).to_pylist()
        return rows
    if kind == "jsonl":
        return [json.loads(line) for line in body.decode().splitlines()]
    return list(csv.DictReader(io.StringIO(body.decode(), newline="")))


def exported(server: Server, query: str, kind: str = "jsonl", **more: Any) -> list[dict[str, Any]]:
    answer = server.ask(f"{EXPORT}?format={kind}&{query}", **more)
    assert answer.status == 200, answer.text
    return read(kind, answer.body)


@pytest.mark.parametrize(("kind", "media_type"), [(name, kind) for name, (kind, _) in export.FORMATS.items()])
def test_a_file_has_every_product_once(shared: Server, kind: str, media_type: str) -> None:
    answer = shared.ask(f"{EXPORT}?format={kind}")
    assert answer.headers["content-type"] == media_type
    assert answer.headers["content-disposition"].startswith('attachment; filename="christmas-20')
    assert answer.headers["content-disposition"].endswith(f'.{kind}"')
    rows = read(kind, answer.body)
    assert list(rows[0]) == list(export.COLUMNS)
    listed = shared.ask("/api/v1/products?limit=200").json["items"]
    assert sorted(row["id"] for row in rows) == sorted(one["id"] for one in listed)
    one = next(row for row in rows if (row["vendor"], row["key"]) == (FIRST, "9001"))
    assert (one["price"], one["currency"], str(one["release_year"])) == ("29.95", "USD", "1985")


def test_csv_is_what_comes_unasked(shared: Server) -> None:
    answer = shared.ask(f"{EXPORT}?vendor={FIRST}&year=1985")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert f'filename="christmas-{FIRST}-1985-' in answer.headers["content-disposition"]


@pytest.mark.parametrize(
    "query",
    [
        f"vendor={FIRST}", "year=1985", f"vendor={SECOND}&year=1985", "availability=out_of_stock", "price_min=20",
        "price_max=15.95", "series=Frosty%20Friends", "brand=Hallmark", "brand=Radko", "text=frosty%20freinds",
        "text=xqzzyvw", "text=%20", "changed_since=2200-01-01", "price_min=1&currency=EUR", "gone=true",
    ],
)  # fmt: skip
def test_filters_are_those_of_the_list(shared: Server, query: str) -> None:
    listed = shared.ask(f"/api/v1/products?limit=200&{query}").json["items"]
    assert sorted(row["id"] for row in exported(shared, query)) == sorted(one["id"] for one in listed)


@pytest.mark.parametrize("kind", export.FORMATS)
def test_an_empty_file_has_its_fields(shared: Server, kind: str) -> None:
    assert exported(shared, "vendor=nobody_com", kind) == []


def test_a_key_of_one_vendor_exports_only_that(shared: Server) -> None:
    key = shared.key("user", user="collector-of-files", vendors=[THIRD])
    assert {row["vendor"] for row in exported(shared, "", key=key)} == {THIRD}
    assert {row["vendor"] for row in exported(shared, "text=frosty", key=key)} == {THIRD}
    assert exported(shared, f"vendor={FIRST}", key=key) == []


@pytest.mark.parametrize(
    ("query", "says"),
    [("format=xlsx", "format"), ("price_min=abc", "price_min"), ("limit=5", "limit"), ("text=%00", "text")],
)
def test_what_is_wrong_is_named(shared: Server, query: str, says: str) -> None:
    answer = shared.ask(f"{EXPORT}?{query}")
    assert answer.status == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert says in answer.json["detail"]


def test_it_is_sent_compressed_to_whom_that_helps(shared: Server) -> None:
    answer = shared.ask(EXPORT, headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.body[:2] == b"\x1f\x8b"


@pytest.fixture(scope="module")
def big(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Run a server on a catalog of 100,000 products."""
    folder = tmp_path_factory.mktemp("big")
    url = filled.file(folder, 1)
    engine = database.open_engine(url)
    with database.begin(engine) as connection:
        connection.exec_driver_sql(
            "INSERT INTO keys (vendor, key, url, release_year, first_seen, last_seen, spread) "
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY}) "
            f"SELECT '{BIG}', i, 'https://big-shop.example/' || i || '.html', 1985, 1, 1, 0 FROM n"
        )
        connection.exec_driver_sql(
            "INSERT INTO products (id, key_id, vendor, name, sku, price_minor, currency, availability, release_year, "
            "first_seen, last_changed, read_at, piece, words) SELECT printf('%032x', id), id, vendor, "
            "'Ornament ' || key, 'QX' || key, 1995, 'USD', 'in_stock', release_year, 1, 1, 1, 'QX' || key, "
            f"'ornament' FROM keys WHERE vendor = '{BIG}'"
        )
    engine.dispose()
    with serving(folder, url) as server:
        for kind in export.FORMATS:  # what each needs is imported now
            exported(server, f"vendor={FIRST}", kind)
        yield server


def started(server: Server, kind: str) -> http.client.HTTPResponse:
    """Ask for an export, and read nothing of it yet."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=180)
    token = b64encode(":".join(server.admin).encode()).decode()
    headers = {"Authorization": f"Basic {token}", "Connection": "close"}
    connection.request("GET", f"{EXPORT}?format={kind}&vendor={BIG}", headers=headers)
    answer = connection.getresponse()
    assert answer.status == 200
    return answer


def memory(server: Server, name: str = "VmHWM") -> int:
    """Return the most memory that the server has had, in bytes."""
    lines = Path(f"/proc/{server.process.pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:")) * 1024


def cpu_seconds(server: Server) -> float:
    fields = Path(f"/proc/{server.process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def idle(server: Server) -> None:
    """Wait until the server has nothing to do."""
    seen: list[float] = []

    def is_idle() -> bool:
        seen.append(cpu_seconds(server))
        return len(seen) > 10 and seen[-1] - seen[-10] < 0.02

    until(is_idle, 60, "the server's rest")


@pytest.mark.serial
@pytest.mark.parametrize("kind", ["csv", pytest.param("parquet", marks=pytest.mark.long)])
def test_a_slow_client_costs_neither_memory_nor_a_transaction(big: Server, kind: str) -> None:
    before, at_first = memory(big), cpu_seconds(big)
    with closing(started(big, kind)) as answer:
        body = answer.read(1000)
        idle(big)  # it waits for the client, and has not read on
        with database.begin(big.engine) as connection:
            connection.exec_driver_sql(
                f"UPDATE products SET last_changed = last_changed + 1, price_minor = 995 WHERE vendor = '{BIG}' "
                "AND key_id % 7 = 0"
            )
        with closing(sqlite3.connect(str(big.engine.url.database), isolation_level=None)) as database_file:
            busy, *_ = database_file.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        assert not busy  # as it would be while somebody reads in a transaction begun before the change
        body += answer.read()
    whole = cpu_seconds(big) - at_first
    assert memory(big) - before < 80 * MEGABYTE  # 68 of Parquet, 26 of CSV (measured 2026-12)
    keys = [int(row["key"]) for row in read(kind, body)]
    assert len(keys) == MANY
    assert set(keys) == set(range(1, MANY + 1))

    at_first = cpu_seconds(big)
    with closing(started(big, kind)) as answer:
        answer.read(1000)
    idle(big)
    assert cpu_seconds(big) - at_first < whole / 2, "it goes on for a client that has gone away"
    assert "Traceback" not in big.log
