from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from christmas import config
from christmas.errors import ConfigurationError


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return an empty working directory and none of the variables that configure."""
    for variable in list(os.environ):
        if variable.startswith(config.PREFIX) or variable in {"ENV", "CONFIG_PATH"}:
            monkeypatch.delenv(variable)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


def write(path: Path, values: object) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(values if isinstance(values, str) else json.dumps(values), encoding="utf-8")
    return path


def test_state_lies_in_the_checkout_around_the_working_directory(
    elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(elsewhere / "scrapy.cfg", "")
    inside = elsewhere / "christmas" / "reading"
    inside.mkdir(parents=True)
    for place in (elsewhere, inside):
        monkeypatch.chdir(place)
        assert config.load().var_path == elsewhere / "var"
    monkeypatch.setenv("CHRISTMAS__VAR_PATH", str(elsewhere / "own"))
    assert config.load().var_path == elsewhere / "own"


def test_defaults_serve_without_file_and_variable(elsewhere: Path) -> None:
    found = config.load()
    assert found.var_path == elsewhere / "data" / "christmas"
    assert found.database_url == f"sqlite:///{elsewhere}/data/christmas/christmas.db"
    assert found.redis.url == ""
    assert found.sync.page_max_age_days == 7
    assert found.politeness.concurrency == 1
    assert found.vendors == {}


def test_the_default_file_is_read_where_it_is(elsewhere: Path) -> None:
    write(elsewhere / "config/default.json", {"log_level": "DEBUG"})
    assert config.load().log_level == "DEBUG"


def test_env_picks_a_file(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(elsewhere / "config/default.json", {"log_level": "DEBUG"})
    write(elsewhere / "config/test.json", {"log_level": "ERROR"})
    monkeypatch.setenv("ENV", "test")
    assert config.load().log_level == "ERROR"


def test_config_path_comes_before_env(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(elsewhere / "config/test.json", {"log_level": "ERROR"})
    monkeypatch.setenv("ENV", "test")
    monkeypatch.setenv("CONFIG_PATH", str(write(elsewhere / "other.json", {"log_level": "WARNING"})))
    assert config.load().log_level == "WARNING"


@pytest.mark.parametrize(
    ("variable", "value", "path"),
    [("CONFIG_PATH", "nowhere.json", "nowhere.json"), ("ENV", "nowhere", "config/nowhere.json")],
)
def test_a_named_file_that_is_missing(
    variable: str, value: str, path: str, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError) as raised:
        config.load()
    assert variable in str(raised.value)
    assert str(elsewhere / path) in str(raised.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [("{not json", "cannot be read as JSON"), ("[]", "must hold a JSON object"), ("\ud800", "cannot be read as JSON")],
)
def test_a_file_that_is_no_json_object(
    text: str, message: str, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = elsewhere / "broken.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    monkeypatch.setenv("CONFIG_PATH", str(path))
    with pytest.raises(ConfigurationError, match=message) as raised:
        config.load()
    assert str(path) in str(raised.value)


@pytest.mark.parametrize(
    ("values", "key", "expected"),
    [
        ({"colour": "red"}, "colour", "not permitted"),
        ({"database": {"uri": "x"}}, "database.uri", "not permitted"),
        ({"vendors": {"a_com": {"delay": 1}}}, "vendors.a_com.delay", "not permitted"),
        ({"sync": {"page_max_age_days": "soon"}}, "sync.page_max_age_days", "valid integer"),
        ({"sync": {"page_max_age_days": 0}}, "sync.page_max_age_days", "greater than or equal to 1"),
        ({"sync": {"year_links_days": "inf"}}, "sync.year_links_days", "finite"),
        ({"politeness": {"concurrency": 99}}, "politeness.concurrency", "less than or equal to 16"),
        (
            {"politeness": {"download_delay_seconds": -1}},
            "politeness.download_delay_seconds",
            "greater than or equal to 0",
        ),
        ({"database": "sqlite:///x"}, "database", "valid dictionary"),
        ({"vendors": None}, "vendors", "valid dictionary"),
        ({"log_level": "LOUD"}, "log_level", "DEBUG"),
        ({"contact_url": "me"}, "contact_url", "mailto:"),
        ({"vendors": {"a_com": {"base_url": "shop.example"}}}, "vendors.a_com.base_url", "absolute http"),
        ({"vendors": {"a_com": {"base_url": "ftp://shop.example"}}}, "vendors.a_com.base_url", "absolute http"),
        ({"vendors": {"a_com": {"base_url": "http://"}}}, "vendors.a_com.base_url", "absolute http"),
        ({"vendors": {"a_com": {"base_url": "http://shop.example:99999"}}}, "vendors.a_com.base_url", "Port"),
    ],
)
def test_a_wrong_value_names_file_key_and_expectation(
    values: dict[str, Any], key: str, expected: str, elsewhere: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(elsewhere / "wrong.json", values)
    monkeypatch.setenv("CONFIG_PATH", str(path))
    with pytest.raises(ConfigurationError) as raised:
        config.load()
    for part in (str(path), f"{key}: ", expected):
        assert part in str(raised.value)


def test_variables_override_the_file_and_leave_the_rest(elsewhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vendors = {"a_com": {"concurrency": 2, "base_url": "https://a.example/"}, "b_com": {"concurrency": 3}}
    write(elsewhere / "config/default.json", {"database": {"url": "sqlite:///a.db"}, "vendors": vendors})
    monkeypatch.setenv("CHRISTMAS__DATABASE__URL", "sqlite:///b.db")
    monkeypatch.setenv("CHRISTMAS__VENDORS__A_COM__BASE_URL", "http://127.0.0.1:8000/")
    monkeypatch.setenv("CHRISTMAS__VENDORS__C_COM__DOWNLOAD_DELAY_SECONDS", "0.5")
    found = config.load()
    assert found.database_url == "sqlite:///b.db"
    assert found.vendor("a_com") == config.VendorConfig(base_url="http://127.0.0.1:8000", concurrency=2)
    assert found.vendor("b_com").concurrency == 3
    assert found.vendor("c_com").download_delay_seconds == 0.5
    assert found.vendor("unheard_of_com") == config.VendorConfig()


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("CHRISTMAS__DATABSE__URL", "x", "CHRISTMAS__DATABSE__URL names no key"),
        ("CHRISTMAS__", "x", "names no key"),
        ("CHRISTMAS__DATABASE__URI", "x", "database.uri"),
        ("CHRISTMAS__SYNC__PAGES_PER_DAY", "many", "sync.pages_per_day"),
        ("CHRISTMAS__VENDORS", "{not json", "CHRISTMAS__VENDORS holds no JSON"),
        ("CHRISTMAS__VENDORS__A_COM__BASE_URL", "shop.example", "vendors.a_com.base_url"),
    ],
)
def test_a_wrong_variable_is_named(variable: str, value: str, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigurationError, match=message):
        config.load()


def test_the_value_of_an_unknown_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHRISTMAS__DATABASE__PASSWORD", "hunter2")
    with pytest.raises(ConfigurationError) as raised:
        config.load()
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("value", ["https://a.example/about", "http://a.example", "mailto:me@a.example", ""])
def test_contact(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHRISTMAS__CONTACT_URL", value)
    assert config.load().contact_url == value


def test_null_keeps_the_vendors_own_address(elsewhere: Path) -> None:
    write(elsewhere / "config/default.json", {"vendors": {"a_com": {"base_url": None}}})
    assert config.load().vendor("a_com").base_url is None


def test_it_cannot_be_changed() -> None:
    found = config.load()
    with pytest.raises(ValidationError, match="frozen"):
        found.log_level = "DEBUG"
    with pytest.raises(ValidationError, match="frozen"):
        found.sync.pages_per_day = 1


def test_a_process_reads_it_once(monkeypatch: pytest.MonkeyPatch) -> None:
    config.current.cache_clear()
    try:
        first = config.current()
        monkeypatch.setenv("CHRISTMAS__LOG_LEVEL", "DEBUG")
        assert config.current() is first
    finally:
        config.current.cache_clear()


def test_every_key_is_described() -> None:
    def undescribed(model: Any, prefix: str) -> list[str]:
        found = []
        for name, field in model.model_fields.items():
            if isinstance(field.annotation, type) and issubclass(field.annotation, config.Section):
                found += undescribed(field.annotation, f"{prefix}{name}.")
            elif not field.description:
                found.append(prefix + name)
        return found

    assert undescribed(config.Config, "") + undescribed(config.VendorConfig, "vendors.") == []
