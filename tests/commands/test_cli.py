"""The christmas command: what it prints, what it refuses, and its exit status."""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from christmas import cli, config
from christmas.catalog.writing import store
from christmas.db import database
from christmas.items import UNREAD, Availability, ListingEntry, Product
from christmas.jobs import queue
from christmas.jobs.queue import NewJob

AT = datetime(2026, 11, 1, 12, tzinfo=UTC)
VENDOR = "ornament_shop_com"


def product(key: str, name: str, cents: int | None, **values: object) -> Product:
    base: dict[str, object] = {"availability": Availability.IN_STOCK, "release_year": 1998, "sku": f"QX{key}"}
    return Product(
        vendor=VENDOR, key=key, url=f"https://www.ornament-shop.com/{key}/", name=name, price_minor=cents,
        currency="USD", series=UNREAD, source="json-ld", read_at=AT, **(base | values),  # type: ignore[arg-type]
    )  # fmt: skip


def entry(key: str, name: str, cents: int, hours: int) -> ListingEntry:
    return ListingEntry(
        vendor=VENDOR, key=key, url=f"https://www.ornament-shop.com/{key}/", listing="/1998/", release_year=1998,
        name=name, price_minor=cents, list_price_minor=None, availability=Availability.IN_STOCK, source="listing",
        read_at=AT + timedelta(hours=hours),
    )  # fmt: skip


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Provide each test a configuration of its own."""
    for name in list(os.environ):
        if name.startswith("CHRISTMAS__"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CHRISTMAS__VAR_PATH", str(tmp_path / "var"))
    monkeypatch.setenv("COLUMNS", "200")
    config.current.cache_clear()
    yield tmp_path
    config.current.cache_clear()


@pytest.fixture
def catalog(folder: Path) -> None:
    """Store three products, one with a change of price."""
    engine = database.open_engine(config.current().database_url)
    database.upgrade(engine)
    items = [
        product("1", "1998 Frosty Friends", 2495, brand="Hallmark"),
        product("2", "=1998 Rocking Horse 100%", 124950, availability=Availability.OUT_OF_STOCK),
        product("3", "1999 Artist Proof", None, release_year=1999),
        entry("1", "1998 Frosty Friends", 2495, 1),
        entry("1", "1998 Frosty Friends", 1995, 2),
    ]
    with database.begin(engine) as connection:
        store.write(connection, items[:3], job_id="first", now=AT)
        store.write(connection, items[3:], job_id="second", now=AT)
        new = NewJob("second", "integrator.sync_links", VENDOR, "integrator", {})
        queue.start(connection, new, node="here", process="nowhere 1 1", now=AT)
        outcome = {"error": "None of 3 pages could be read."}
        queue.complete(connection, "second", 1, state="failed", outcome=outcome, now=AT)


def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    """Run the command as a shell would; gives exit status, output and errors."""
    monkeypatch.setattr(sys, "argv", ["christmas", *arguments])
    try:
        cli.main()
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    captured = capsys.readouterr()
    return status, captured.out, captured.err


class Command:
    def __init__(self, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.capsys, self.monkeypatch = capsys, monkeypatch

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        return run(self.capsys, self.monkeypatch, *arguments)


@pytest.fixture
def christmas(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    return Command(capsys, monkeypatch)


@pytest.mark.usefixtures("catalog")
class TestProducts:
    @pytest.mark.parametrize(
        ("arguments", "keys"),
        [
            ([], ["1", "2", "3"]),
            (["--year", "1999"], ["3"]),
            (["--text", "frosty 1998"], ["1"]),
            (["--text", "100%"], ["2"]),
            (["--text", "0%0"], []),
            (["--text", "qx3"], ["3"]),
            (["--availability", "out_of_stock"], ["2"]),
            (["--brand", "hallmark"], ["1"]),
            (["--min-price", "20", "--max-price", "$1,300.00"], ["2"]),
            (["--vendor", "hallmark_ornaments_com"], []),
            (["--limit", "1"], ["1"]),
        ],
    )
    def test_filters(self, arguments: list[str], keys: list[str], christmas: Command) -> None:
        status, out, _ = christmas("products", "--format", "json", *arguments)
        assert status == 0
        assert [row["key"] for row in json.loads(out)] == keys

    def test_json_has_prices_as_strings_and_null_for_none(self, christmas: Command) -> None:
        _, out, _ = christmas("products", "--format", "json")
        rows = {row["key"]: row for row in json.loads(out)}
        assert (rows["1"]["price"], rows["2"]["price"], rows["3"]["price"]) == ("19.95", "1249.50", None)
        assert rows["1"]["first_seen"] == AT.isoformat()

    def test_csv_holds_no_formulas(self, christmas: Command) -> None:
        _, out, _ = christmas("products", "--format", "csv")
        rows = list(csv.DictReader(io.StringIO(out)))
        assert rows[1]["name"] == "'=1998 Rocking Horse 100%"
        assert rows[0]["price"] == "19.95"

    def test_parquet(self, christmas: Command, tmp_path: Path) -> None:
        file = tmp_path / "products.parquet"
        assert christmas("products", "--format", "parquet", "--file", str(file))[0] == 0
        rows = pq.read_table(file).to_pylist()
        assert [row["key"] for row in rows] == ["1", "2", "3"]
        assert rows[0]["price"] == "19.95"
        assert rows[0]["release_year"] == 1998

    def test_table(self, christmas: Command) -> None:
        _, out, _ = christmas("products")
        assert "1998 Frosty Friends" in out
        assert "19.95 USD" in out

    @pytest.mark.parametrize(
        ("arguments", "words"),
        [
            (["--format", "xml"], "table, json, csv, parquet"),
            (["--format", "parquet"], "--file"),
            (["--availability", "maybe"], "in_stock"),
            (["--min-price", "cheap"], "cheap"),
            (["--format", "csv", "--file", "/no/such/folder/x.csv"], "cannot be written"),
        ],
    )
    def test_wrong_arguments(self, arguments: list[str], words: str, christmas: Command) -> None:
        status, _, err = christmas("products", *arguments)
        assert status == 1
        assert words in err
        assert "Traceback" not in err


@pytest.mark.usefixtures("catalog")
class TestHistory:
    def test_json(self, christmas: Command) -> None:
        status, out, _ = christmas("history", f"{VENDOR}:1", "--format", "json")
        assert status == 0
        assert json.loads(out) == [
            {
                "field": "price", "old": "24.95", "new": "19.95", "at": (AT + timedelta(hours=2)).isoformat(),
                "job": "second", "url": "https://www.ornament-shop.com/1/", "source": "listing",
                "log": f"/logs/christmas/{VENDOR}/second.log",
            }
        ]  # fmt: skip

    def test_by_id_and_its_first_characters(self, christmas: Command) -> None:
        _, out, _ = christmas("products", "--format", "json", "--year", "1999")
        id_ = json.loads(out)[0]["id"]
        for name in (id_, id_[:8]):
            status, out, _ = christmas("history", name)
            assert status == 0
            assert "Nothing has changed" in out

    def test_table(self, christmas: Command) -> None:
        _, out, _ = christmas("history", f"{VENDOR}:1")
        assert "24.95" in out
        assert "19.95 USD, in_stock" in out

    @pytest.mark.parametrize("name", ["nothing", "", f"{VENDOR}:99", "%", "a" * 5000, "'; DROP TABLE products; --"])
    def test_unknown(self, name: str, christmas: Command) -> None:
        status, _, err = christmas("history", name)
        assert status == 1
        assert "No product" in err

    def test_unknown_format(self, christmas: Command) -> None:
        assert christmas("history", f"{VENDOR}:1", "--format", "csv")[0] == 1


@pytest.mark.usefixtures("catalog")
def test_vendors(christmas: Command) -> None:
    status, out, _ = christmas("vendors")
    assert status == 0
    line = next(line for line in out.splitlines() if VENDOR in line)
    assert " 3 " in line
    assert "failed: None of 3 pages" in line
    assert "never" in out


def test_an_empty_catalog_says_how_to_fill_it(christmas: Command) -> None:
    assert "christmas demo" in christmas("products")[1]


def test_there_is_no_demonstration_yet(christmas: Command) -> None:
    status, _, err = christmas("products", "--demo")
    assert status == 1
    assert "christmas demo" in err


def test_live_needs_a_contact(christmas: Command) -> None:
    status, _, err = christmas("live")
    assert status == 1
    assert "CHRISTMAS__CONTACT_URL" in err


def test_live_refuses_an_unknown_vendor(christmas: Command) -> None:
    status, _, err = christmas("live", "no_such_shop")
    assert status == 1
    assert VENDOR in err


def test_db_upgrade(christmas: Command, folder: Path) -> None:
    for _ in range(2):
        status, out, _ = christmas("db", "upgrade")
        assert status == 0
        assert "up to date" in out
    assert (folder / "var" / "christmas.db").exists()


class TestDoctor:
    @pytest.mark.integration
    def test_everything_right(self, christmas: Command) -> None:
        status, out, _ = christmas("doctor")
        assert status == 0
        assert out.count("right") >= 3

    def test_what_is_wrong(self, christmas: Command, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("CHRISTMAS__DATABASE__URL", "postgresql://me:secret@127.0.0.1:1/none")
        monkeypatch.setenv("CHRISTMAS__REDIS__URL", "redis://127.0.0.1:1/0")
        config.current.cache_clear()
        status, out, _ = christmas("doctor")
        assert status == 1
        assert out.count("wrong  ") == 2
        assert "does not answer" in out
        assert "secret" not in out

    def test_a_broken_configuration(self, christmas: Command, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        monkeypatch.setenv("CONFIG_PATH", str(folder / "none.json"))
        config.current.cache_clear()
        status, out, _ = christmas("doctor")
        assert status == 1
        assert "none.json" in out

    def test_keys(self, christmas: Command) -> None:
        _, out, _ = christmas("doctor", "--keys")
        assert "politeness.download_delay_seconds" in out


def test_a_broken_configuration_is_one_line(christmas: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHRISTMAS__SYNC__PAGE_MAX_AGE_DAYS", "soon")
    config.current.cache_clear()
    status, _, err = christmas("products")
    assert status == 1
    assert "sync.page_max_age_days" in err
    assert len(err.splitlines()) == 1


def test_a_database_in_a_folder_that_cannot_be_made(christmas: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHRISTMAS__DATABASE__URL", "sqlite:////dev/null/christmas.db")
    config.current.cache_clear()
    status, _, err = christmas("products")
    assert status == 1
    assert "/dev/null" in err


def test_the_version_is_that_of_the_package(christmas: Command) -> None:
    assert christmas("--version") == (0, f"christmas {version('christmas')}\n", "")
