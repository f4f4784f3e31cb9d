"""What a definition accepts, how it says no, and how a spider with arguments becomes a job."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from christmas import jobs
from christmas.errors import ArgumentError, JobRefused
from christmas.jobs.definitions import registry
from christmas.jobs.definitions.base import KEYS_BYTES_MAX, Definition, RootJob, SpiderJob

SHOP = "ornament_shop_com"


def test_every_definition_is_registered_under_its_module_and_class() -> None:
    assert sorted(registry.DEFINITIONS) == [
        "auditor.audit_all", "auditor.confirm_gone", "auditor.confirm_held", "auditor.verify_sample",
        "integrator.sync_all", "integrator.sync_links", "integrator.sync_product", "integrator.sync_products",
        "integrator.sync_vendor", "integrator.sync_year",
    ]  # fmt: skip
    for name, definition in registry.DEFINITIONS.items():
        consumer, _, own = name.partition(".")
        assert getattr(getattr(jobs, consumer), own) is definition
        assert issubclass(definition, SpiderJob | RootJob)
        assert definition.__doc__


def test_a_name_without_definition_is_refused_with_those_that_exist() -> None:
    for name in ("integrator.sync_link", "sync_links", "integrator", "", "integrator.Definition", "auditor.verify"):
        with pytest.raises(JobRefused) as refused:
            registry.make(name, {})
        assert repr(name) in str(refused.value)
        assert all(known in str(refused.value) for known in registry.DEFINITIONS)


def test_an_attribute_that_is_no_job_is_refused_with_those_that_exist() -> None:
    for consumer in ("integrator", "auditor"):
        with pytest.raises(AttributeError, match=rf"There is no job {consumer}\.nope") as refused:
            getattr(jobs, consumer).nope  # noqa: B018
        assert all(known in str(refused.value) for known in registry.DEFINITIONS)


@pytest.mark.parametrize("year", ["98", "1899", "2101", "x", "", 1998.5, True, [1998], "9" * 5000, -1998, "1998,1999"])
def test_a_wrong_year_is_refused_at_once(year: object) -> None:
    with pytest.raises(ArgumentError, match=r"^integrator\.sync_links: year=.* is not accepted") as refused:
        jobs.integrator.sync_links(vendor=SHOP, year=year)  # type: ignore[arg-type]
    assert str(refused.value).endswith("it takes vendor, [year], [which].")
    assert len(str(refused.value)) < 400


@pytest.mark.parametrize("limit", [-1, "-1", 0, "0", "many", 10**9, True, 1.5])
def test_a_wrong_limit_is_refused_at_once(limit: object) -> None:
    with pytest.raises(ArgumentError, match="limit="):
        jobs.integrator.sync_products(vendor=SHOP, limit=limit)  # type: ignore[arg-type]


@pytest.mark.parametrize("vendor", ["", "A", "a b", "shop\n", "../shop", "x" * 81, 7, None])
def test_a_wrong_vendor_is_refused_at_once(vendor: object) -> None:
    with pytest.raises(ArgumentError, match="vendor="):
        jobs.integrator.sync_links(vendor=vendor)  # type: ignore[arg-type]


@pytest.mark.parametrize("keys", ["", " , ", ["1,2"], [" "], ["a\x00b"], ["a\nb"], [7], ["x" * 2001], 7])
def test_wrong_keys_are_refused_at_once(keys: object) -> None:
    with pytest.raises(ArgumentError, match="keys"):
        jobs.integrator.sync_products(vendor=SHOP, keys=keys)  # type: ignore[arg-type]
    if isinstance(keys, str):
        with pytest.raises(ArgumentError, match="key="):
            jobs.integrator.sync_product(vendor=SHOP, key=keys)


def test_more_keys_than_fit_into_a_process_s_argument_are_refused() -> None:
    size, number = 9, KEYS_BYTES_MAX // 10
    fitting = [f"{one:0{size}}" for one in range(number)]
    assert len(jobs.integrator.sync_products(vendor=SHOP, keys=fitting).keys) == number  # type: ignore[arg-type]
    with pytest.raises(ArgumentError, match="100,000 bytes") as refused:
        jobs.integrator.sync_products(vendor=SHOP, keys=[*fitting, "one too many"])  # type: ignore[arg-type]
    assert len(str(refused.value)) < 400


def test_what_is_missing_or_unknown_is_named() -> None:
    cases = [
        ("integrator.sync_links", {}, "vendor is missing"),
        ("integrator.sync_year", {}, "year is missing"),
        ("integrator.sync_links", {"vendor": SHOP, "colour": "red"}, "there is no argument colour"),
        ("integrator.sync_links", {"vendor": SHOP, "self": "x"}, "there is no argument self"),
        ("integrator.sync_all", {"vendor": SHOP}, "there is no argument vendor"),
        ("integrator.sync_links", {"vendor": SHOP, "which": "stale"}, "which='stale'"),
        ("integrator.sync_products", {"vendor": SHOP, "which": "some"}, "which='some'"),
        ("integrator.sync_all", {"stage": "products", "which": "some"}, "which='some'"),
        ("integrator.sync_all", {"which": "stale"}, "give stage=products with it"),
        ("integrator.sync_all", {"stage": "links", "which": "all"}, "give stage=products with it"),
        ("integrator.sync_all", {"stage": "both"}, "stage='both'"),
    ]
    for name, arguments, part in cases:
        with pytest.raises(ArgumentError) as refused:
            registry.make(name, arguments)
        assert str(refused.value).startswith(f"{name}: ")
        assert part in str(refused.value)
    with pytest.raises(ArgumentError, match=r"year=.*limit=.*there is no argument colour"):
        jobs.integrator.sync_vendor(vendor=SHOP, year=98, limit=0, colour="red")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "arguments",
    [
        {}, {"vendor": SHOP}, {"key": "1009"}, {"product": "7", "key": "1009"}, {"product": "7", "vendor": SHOP},
        {"product": "7", "vendor": SHOP, "key": "1009"}, {"product": ""}, {"product": "a\x00"},
    ],
)  # fmt: skip
def test_a_product_is_named_in_exactly_one_way(arguments: dict[str, str]) -> None:
    with pytest.raises(ArgumentError, match=r"integrator\.sync_product: (arguments|product)="):
        jobs.integrator.sync_product(**arguments)  # type: ignore[arg-type]


def test_texts_become_what_the_arguments_are() -> None:
    texts = {"vendor": SHOP, "which": "all", "year": "1998", "keys": " 1009,7, 1009 ,", "limit": "5"}
    typed = jobs.integrator.sync_products(vendor=SHOP, which="all", year=1998, keys=("1009", "7"), limit=5)
    assert registry.make("integrator.sync_products", texts) == typed
    assert typed.arguments() == {"vendor": SHOP, "which": "all", "year": 1998, "keys": ["1009", "7"], "limit": 5}


def test_what_was_not_given_is_not_recorded() -> None:
    job = jobs.integrator.sync_products(vendor=SHOP, which=None, year=None, keys=(), limit=None)
    assert job.arguments() == {"vendor": SHOP}
    assert jobs.integrator.sync_product(product="7").arguments() == {"product": "7"}


def test_a_definition_is_not_changed_any_more() -> None:
    job = jobs.integrator.sync_links(vendor=SHOP)
    with pytest.raises(ValidationError, match="frozen"):
        job.year = 1998


@pytest.mark.parametrize(
    ("arguments", "job"),
    [
        ({}, jobs.integrator.sync_vendor(vendor=SHOP)),
        ({"year": "1998", "limit": "5"}, jobs.integrator.sync_vendor(vendor=SHOP, year=1998, limit=5)),
        ({"stage": "links", "which": "all"}, jobs.integrator.sync_links(vendor=SHOP, which="all")),
        ({"stage": "products", "keys": "7,8"}, jobs.integrator.sync_products(vendor=SHOP, keys=("7", "8"))),
    ],
)
def test_a_spider_with_a_stage_is_a_job(arguments: dict[str, str], job: Definition) -> None:
    assert registry.of_spider(SHOP, arguments) == job


@pytest.mark.parametrize(
    ("arguments", "part"),
    [
        ({"stage": "all"}, "use links or products"),
        ({"stage": ""}, "use links or products"),
        ({"vendor": "other"}, "the spider is the vendor"),
        ({"which": "all"}, "there is no argument which"),
        ({"stage": "links", "keys": "7"}, "there is no argument keys"),
        ({"stage": "links", "limit": "7"}, "there is no argument limit"),
    ],
)
def test_a_spider_with_other_arguments_is_none(arguments: dict[str, str], part: str) -> None:
    with pytest.raises(ArgumentError, match=part):
        registry.of_spider(SHOP, arguments)
