"""``christmas read``: the real command in a few processes, and its parts in this one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from christmas import config
from christmas.commands import probe
from christmas.demo.faults import Fault
from christmas.demo.server import DemoServer, page
from christmas.demo.shops import Offer, Shop, plain

FIELDS = [
    "sku", "gtin", "name", "brand", "release_year", "series", "series_number", "box", "price", "price_min",
    "price_max", "list_price", "currency", "availability", "source",
]  # fmt: skip
COMMAND = Path(sys.executable).with_name("christmas")
TIMEOUT_SECONDS = 90


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with DemoServer(size=60) as server:
        yield server.shops["ornament_shop_com"]


@pytest.fixture
def offer(shop: Shop) -> Iterator[Offer]:
    shop.clear()
    yield next(offer for offer in shop.truth().values() if offer.list_price_minor)
    shop.clear()


@pytest.fixture
def saved(shop: Shop, offer: Offer, tmp_path: Path) -> Path:
    path = tmp_path / "page.html"
    path.write_text(page(shop, offer.path) or "", encoding="utf-8")
    return path


def run(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder, with nothing of this project's environment but what coverage needs."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("COV") or name == "PATH"}
    return subprocess.run(
        [COMMAND, "read", *arguments], cwd=folder, env=kept | {"HOME": str(folder)} | environment, text=True,
        capture_output=True, timeout=TIMEOUT_SECONDS, check=False, encoding="utf-8",
    )  # fmt: skip


def show(capsys: pytest.CaptureFixture[str], *names: str, url: str = "") -> tuple[bool, list[dict[str, Any]]]:
    fine = probe.show(list(names), url, "json")
    return fine, [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def error(capsys: pytest.CaptureFixture[str], name: str) -> tuple[str, str]:
    fine, (shown,) = show(capsys, name)
    assert not fine
    assert list(shown) == ["file", "error"]
    assert shown["file"] == name
    return shown["error"]["type"], shown["error"]["message"]


# The command itself


@pytest.mark.integration
def test_one_file(saved: Path, offer: Offer, tmp_path: Path) -> None:
    ended = run(tmp_path, saved.name, "--format", "json")
    assert (ended.returncode, ended.stderr) == (0, "")
    shown = json.loads(ended.stdout)
    assert list(shown) == FIELDS
    assert (shown["name"], shown["price"]) == (offer.name, plain(offer.price_minor or 0))
    assert (shown["list_price"], shown["price_min"], shown["gtin"]) == (plain(offer.list_price_minor or 0), None, None)
    assert [path.name for path in tmp_path.iterdir()] == [saved.name], "reading a page leaves nothing behind"


@pytest.mark.integration
def test_several_files_and_an_address(saved: Path, shop: Shop, offer: Offer, tmp_path: Path) -> None:
    empty = tmp_path / "empty.html"
    empty.touch()
    address = shop.base_url + offer.path
    # A configuration that is broken is nobody's business here; nor is a proxy that a local shop cannot be behind.
    ended = run(
        tmp_path, str(saved), str(empty), address, "--format", "json", ENV="missing", http_proxy="http://127.0.0.1:9"
    )
    assert (ended.returncode, ended.stderr) == (1, "")
    first, second, third = map(json.loads, ended.stdout.splitlines())
    assert list(first) == ["file", *FIELDS]
    assert second == {"file": str(empty), "error": {"type": "NothingReadable", "message": "The page is empty."}}
    assert third == first | {"file": address}


@pytest.mark.integration
def test_a_table_and_its_errors(saved: Path, offer: Offer, tmp_path: Path) -> None:
    ended = run(tmp_path, saved.name, "missing.html")
    assert ended.returncode == 1
    assert offer.name.split()[1] in ended.stdout
    assert ended.stderr == "missing.html: PageUnavailable: missing.html cannot be read: No such file or directory.\n"


@pytest.mark.integration
def test_an_unknown_format(saved: Path, tmp_path: Path) -> None:
    ended = run(tmp_path, saved.name, "--format", "xml")
    assert (ended.returncode, ended.stdout) == (1, "")
    assert ended.stderr == "christmas: --format xml is not known here: use table or json.\n"


# Its parts


@pytest.mark.integration
def test_letters_that_the_pipe_cannot_take(saved: Path, tmp_path: Path) -> None:
    saved.write_bytes(saved.read_bytes().replace(b'"name": "', '"name": "Café '.encode()))
    ended = run(tmp_path, saved.name, "--format", "json", PYTHONIOENCODING="ascii")
    assert ended.returncode == 0
    assert json.loads(ended.stdout)["name"].startswith("Café ")


def write(folder: Path, body: bytes) -> str:
    path = folder / "page.html"
    path.write_bytes(body)
    return str(path)


def test_what_is_no_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    missing = str(tmp_path / "missing.html")
    assert error(capsys, missing) == ("PageUnavailable", f"{missing} cannot be read: No such file or directory.")
    assert error(capsys, str(tmp_path)) == ("PageUnavailable", f"{tmp_path} cannot be read: Is a directory.")
    # What looks like no web address is a file's name.
    assert error(capsys, "ftp://shop.example/x")[0] == "PageUnavailable"


def test_a_file_of_50_mb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "large.html"
    with path.open("wb") as file:
        file.truncate(50 * 2**20)
    assert error(capsys, str(path)) == ("PageUnavailable", f"{path} is larger than 8 MB; no product page is.")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "NothingReadable"),
        (bytes(range(256)) * 9, "NothingReadable"),
        (b"<h1>Frosty</h1><p>$24.95, in stock</p>", "NothingReadable"),
        (b"<title>Just a moment...</title><script>window._cf_chl_opt={}</script>", "BlockedByVendor"),
        (
            b'<script type="application/ld+json">{"@type":"Product","name":"A","offers":{"price":"lots"}}</script>',
            "PriceUnreadable",
        ),
    ],
)
def test_pages_without_a_product(body: bytes, kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert error(capsys, write(tmp_path, body))[0] == kind


LD = '<script type="application/ld+json">{}</script>'


def test_amounts_and_null(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    product = {
        "@type": "Product",
        "name": "1980 Frosty Friends #1 NB",
        "offers": {"price": 9.5, "priceCurrency": "USD"},
    }
    fine, (shown,) = show(capsys, write(tmp_path, LD.format(json.dumps(product)).encode()))
    assert fine
    assert shown == dict.fromkeys(FIELDS) | {
        "name": "1980 Frosty Friends #1 NB", "price": "9.50", "currency": "USD", "release_year": 1980,
        "series": "Frosty Friends", "series_number": 1, "box": "NB", "source": "json-ld",
    }  # fmt: skip


def test_a_currency_without_decimals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    product = {
        "@type": "Product",
        "name": "A",
        "offers": {"lowPrice": 900, "highPrice": "1200", "priceCurrency": "JPY"},
    }
    _, (shown,) = show(capsys, write(tmp_path, LD.format(json.dumps(product)).encode()))
    assert (shown["price"], shown["price_min"], shown["price_max"]) == (None, "900", "1200")


def test_disagreements_are_shown_where_there_are_some(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    product = {"@type": "Product", "name": "[A/] B", "offers": {"price": "5", "priceCurrency": "USD"}}
    body = f'<meta property="og:price:amount" content="6">{LD.format(json.dumps(product))}'.encode()
    _, (shown,) = show(capsys, write(tmp_path, body))
    assert list(shown) == [*FIELDS, "disagreements"]
    assert shown["disagreements"] == ["The sources disagree on the price: json-ld says 5, meta says 6."]
    assert probe.show([write(tmp_path, body)], "", "table")
    table = capsys.readouterr().out
    assert "[A/] B" in table
    assert "disagree" in table


def test_the_address_a_file_was_saved_from(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    products = [{"@type": "Product", "name": name, "url": f"/{name}/"} for name in ("a", "b", "c")]
    name = write(tmp_path, LD.format(json.dumps(products)).encode())
    assert show(capsys, name, url="https://shop.example/b/")[1][0]["name"] == "b"
    assert error(capsys, name)[0] == "NothingReadable"


@pytest.mark.integration
@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        (Fault("status", status=404), "PageUnavailable", "answered 404 Not Found"),
        (Fault("status", status=503), "PageUnavailable", "answered 503"),
        (Fault("challenge"), "BlockedByVendor", "bot challenge"),
        (Fault("truncated"), "PageUnavailable", "ended after"),
        (Fault("huge"), "PageUnavailable", "larger than 8 MB"),
        (Fault("empty"), "NothingReadable", "empty"),
        (Fault("binary"), "NothingReadable", "binary"),
    ],
)
def test_what_a_shop_may_answer(
    shop: Shop, offer: Offer, fault: Fault, kind: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.fault(fault)
    found = error(capsys, shop.base_url + offer.path)
    assert found[0] == kind
    assert words in found[1]


@pytest.mark.integration
def test_a_wrong_charset_is_read_all_the_same(shop: Shop, offer: Offer, capsys: pytest.CaptureFixture[str]) -> None:
    shop.fault(Fault("charset"))
    assert show(capsys, shop.base_url + offer.path)[1][0]["name"] == offer.name


def test_an_address_nobody_listens_at(capsys: pytest.CaptureFixture[str]) -> None:
    assert "cannot be fetched" in error(capsys, "http://127.0.0.1:9/")[1]
    assert "cannot be fetched" in error(capsys, "http://127.0.0.1:9/ a space")[1]
    assert error(capsys, "http://[::1/") == ("PageUnavailable", "http://[::1/ is not a URL: Invalid IPv6 URL.")


@pytest.mark.integration
def test_a_shop_learns_whom_to_ask(
    shop: Shop, offer: Offer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert show(capsys, shop.base_url + offer.path)[0]
    assert shop.requests[-1].user_agent == "christmas"
    config.current.cache_clear()
    monkeypatch.delenv("CHRISTMAS__CONTACT_URL", raising=False)
    assert "CHRISTMAS__CONTACT_URL" in error(capsys, "https://shop.invalid/")[1]
    config.current.cache_clear()
    monkeypatch.setenv("CHRISTMAS__CONTACT_URL", "https://collector.example/")
    assert probe._user_agent("https://shop.invalid/") == "christmas (+https://collector.example/)"
    config.current.cache_clear()
