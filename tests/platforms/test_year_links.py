"""The year-link cache on a real Valkey."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from christmas import valkey
from christmas.config import Config, RedisConfig, SyncConfig
from christmas.items import YearLink
from christmas.platforms.year_links import YearLinkCache

pytestmark = pytest.mark.integration  # a Valkey

VENDOR = "bells_example"
BASE = "https://www.bells.example"
LINKS = [YearLink(VENDOR, 1995, f"{BASE}/1995_c_260.html"), YearLink(VENDOR, 1973, f"{BASE}/1973_c_303.html")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    path = tmp_path_factory.mktemp("var")
    yield path
    valkey.release(path / "valkey")


@pytest.fixture
def config(folder: Path) -> Iterator[Config]:
    found = Config(var_path=folder)
    yield found
    with valkey.connect(found) as client:
        client.flushall()


@pytest.fixture
def away(tmp_path: Path) -> Config:
    return Config(redis=RedisConfig(url=f"unix://{tmp_path}/nothing.sock"))


@pytest.mark.integration
def test_what_was_saved_is_loaded_in_order(config: Config) -> None:
    YearLinkCache(config, VENDOR, BASE).save(LINKS)
    assert YearLinkCache(config, VENDOR, BASE).load() == LINKS


@pytest.mark.integration
def test_nothing_saved(config: Config) -> None:
    assert YearLinkCache(config, VENDOR, BASE).load() == []


@pytest.mark.parametrize(("vendor", "base"), [("other_example", BASE), (VENDOR, "http://127.0.0.1:8000")])
def test_a_vendor_and_a_sample_shop_have_links_of_their_own(vendor: str, base: str, config: Config) -> None:
    YearLinkCache(config, VENDOR, BASE).save(LINKS)
    assert YearLinkCache(config, vendor, base).load() == []


@pytest.mark.parametrize(("days", "seconds"), [(7.0, 604_800), (0.5, 43_200), (1e-9, 1)])
def test_links_expire(days: float, seconds: int, folder: Path, config: Config) -> None:
    cache = YearLinkCache(Config(var_path=folder, sync=SyncConfig(year_links_days=days)), VENDOR, BASE)
    cache.save(LINKS)
    with valkey.connect(config) as client:
        assert seconds - 5 <= client.ttl(cache.name) <= seconds or seconds == 1


@pytest.mark.parametrize("text", ["not json", '[["x", "y"]]', "[1995]", "[[1]]", "7"])
def test_a_value_that_makes_no_sense_is_read_again(text: str, config: Config, caplog: pytest.LogCaptureFixture) -> None:
    cache = YearLinkCache(config, VENDOR, BASE)
    with valkey.connect(config) as client:
        client.set(cache.name, text)
    assert cache.load() == []
    assert "read again" in caplog.text


def test_without_redis_there_are_no_links_and_a_warning(away: Config, caplog: pytest.LogCaptureFixture) -> None:
    cache = YearLinkCache(away, VENDOR, BASE)
    cache.save(LINKS)
    assert cache.load() == []
    assert "could not be kept" in caplog.text
    assert "could not be read" in caplog.text


def test_a_key_of_another_kind_is_a_warning(config: Config, caplog: pytest.LogCaptureFixture) -> None:
    cache = YearLinkCache(config, VENDOR, BASE)
    with valkey.connect(config) as client:
        client.lpush(cache.name, "x")
    assert cache.load() == []
    assert "WRONGTYPE" in caplog.text
