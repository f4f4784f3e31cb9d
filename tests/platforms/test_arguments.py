from __future__ import annotations

from typing import Any

import pytest

from christmas.errors import ArgumentError
from christmas.jobs.spider_arguments import Arguments, parse


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, Arguments()),
        ({"stage": "links"}, Arguments(stage="links")),
        ({"stage": "links", "which": "all"}, Arguments(stage="links", which="all")),
        ({"stage": "links", "year": "1998"}, Arguments(stage="links", year=1998)),
        (
            {"stage": "products", "which": "stale", "limit": "500"},
            Arguments(stage="products", which="stale", limit=500),
        ),
        ({"year": 1998, "limit": 5}, Arguments(year=1998, limit=5)),
        ({"stage": "products", "keys": "1009, 1010,,1009 "}, Arguments(stage="products", keys=("1009", "1010"))),
        ({"year": " 1998 "}, Arguments(year=1998)),
    ],
)
def test_accepted(given: dict[str, Any], expected: Arguments) -> None:
    assert parse(**given) == expected


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"stag": "links", "colour": "red"}, "Unknown argument colour, stag: a spider takes stage, year, which, keys"),
        ({"stage": "pages"}, "stage='pages' is not a stage: use links or products"),
        ({"stage": ""}, "stage='' is not a stage"),
        ({"stage": "products", "which": "old"}, "which='old' selects nothing: use one of unscraped, scraped, stale"),
        ({"stage": "links", "which": "stale"}, "stage=links takes only which=all"),
        ({"stage": "links", "keys": "1009"}, "no keys"),
        ({"which": "all"}, "give stage=products"),
        ({"keys": "1009"}, "give stage=products"),
        ({"stage": "products", "keys": " , "}, "keys is empty"),
        ({"stage": "products", "keys": ""}, "keys is empty"),
        ({"year": "95"}, "year='95' is not accepted: give a release year from 1900 to 2100"),
        ({"year": "nineteen"}, "year='nineteen' is not accepted"),
        ({"year": ""}, "year='' is not accepted"),
        ({"year": "\u0661\u0669\u0669\u0668"}, "is not accepted"),
        ({"year": "-1998"}, "is not accepted"),
        ({"limit": "0"}, "limit='0' is not accepted: give a whole number from 1 on"),
        ({"limit": "1.5"}, "limit='1.5' is not accepted"),
        ({"limit": "9" * 5000}, "is not accepted"),
    ],
)
def test_refused_naming_what_is_accepted(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError) as raised:
        parse(**given)
    assert message in str(raised.value)


@pytest.mark.parametrize(
    ("stage", "name"),
    [("links", "integrator.sync_links"), ("products", "integrator.sync_products"), (None, "integrator.sync_vendor")],
)
def test_job_name(stage: Any, name: str) -> None:
    assert Arguments(stage=stage).job_name == name


def test_only_what_was_given_is_recorded() -> None:
    assert Arguments().as_dict() == {}
    given = {"stage": "products", "year": 1998, "which": "all", "limit": 5}
    assert Arguments(**given, keys=("7",)).as_dict() == {**given, "keys": ["7"]}  # type: ignore[arg-type]
