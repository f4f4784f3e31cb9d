"""Politeness, counted at the shop."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from christmas.demo.faults import Fault
from tests.crawling import Site

Sites = Callable[[str], Site]


def gaps(site: Site) -> list[float]:
    times = [hit.at for hit in site.shop.requests]
    return [later - earlier for earlier, later in itertools.pairwise(times)]


def test_the_user_agent_says_who_reads_and_how_to_complain(site: Sites) -> None:
    here = site("ornament_shop_com")
    here.variables["CHRISTMAS__CONTACT_URL"] = "https://example.org/christmas"
    here.crawl(stage="links")
    agents = {hit.user_agent for hit in here.shop.requests}
    assert len(agents) == 1
    assert agents.pop().startswith("christmas/")
    assert all("+https://example.org/christmas" in hit.user_agent for hit in here.shop.requests)


def test_what_robots_txt_forbids_is_not_asked_for(site: Sites) -> None:
    here = site("ornament_shop_com")
    year = here.shop.release_years()[0]
    here.shop.robots = f"User-agent: *\nDisallow: /{year}-hallmark-ornaments/\n"
    result = here.crawl(stage="links")
    assert result.paths[0] == "/robots.txt"
    assert not [path for path in result.paths if path.startswith(f"/{year}-hallmark")]
    assert [path for path in result.paths if path.startswith(f"/{year - 1}-hallmark")]


def test_crawl_delay_is_the_least_gap(site: Sites) -> None:
    here = site("ornament_shop_com")
    here.shop.robots = "User-agent: *\nCrawl-delay: 0.4\n"
    here.crawl(stage="links")
    assert len(here.shop.requests) >= 6
    assert min(gaps(here)[1:]) >= 0.38  # the first gap is between robots.txt and what it allowed


def test_the_configured_delay_and_concurrency(site: Sites) -> None:
    here = site("ornament_shop_com")
    here.variables |= {
        "CHRISTMAS__POLITENESS__DOWNLOAD_DELAY_SECONDS": "0.3",
        "CHRISTMAS__POLITENESS__CONCURRENCY": "1",
    }
    here.crawl(stage="links")
    # Scrapy lets a delay vary by half around its value, so that the average is what was configured.
    assert min(gaps(here)) >= 0.14
    assert sum(gaps(here)) / len(gaps(here)) >= 0.25


@pytest.mark.serial
@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_pauses_the_whole_shop(status: int, form: str, site: Sites) -> None:
    here = site("ornament_shop_com")
    wanted = 3
    when = str(wanted) if form == "seconds" else format_datetime(datetime.now(UTC) + timedelta(seconds=7), usegmt=True)
    here.shop.fault(Fault("status", pattern="hallmark-ornaments/", status=status, headers={"Retry-After": when}))
    result = here.crawl(stage="links")
    hits = here.shop.requests
    place = next(n for n, hit in enumerate(hits) if hit.status == status)
    # Requests that were on their way already are answered at once; then there is silence.
    later = [hit.at - hits[place].at for hit in hits[place + 1 :] if hit.at - hits[place].at > 0.3]
    assert later
    assert min(later) >= (wanted - 0.1 if form == "seconds" else 1.0)
    assert result.state == "succeeded"
    assert result.outcome["store_new_keys"] == 60


def test_retry_after_is_capped(site: Sites) -> None:
    here = site("ornament_shop_com")
    here.variables["CHRISTMAS__POLITENESS__RETRY_AFTER_MAX_SECONDS"] = "1"
    here.shop.fault(Fault("status", pattern="hallmark-ornaments/", status=503, headers={"Retry-After": "86400"}))
    result = here.crawl(stage="links")
    assert result.outcome["store_new_keys"] == 60
    assert max(gaps(here)) < 10


def test_back_off_doubles(site: Sites) -> None:
    here = site("ornament_shop_com")
    here.variables |= {"CHRISTMAS__POLITENESS__BACKOFF_BASE_SECONDS": "0.5", "CHRISTMAS__POLITENESS__CONCURRENCY": "1"}
    here.shop.fault(Fault("status", pattern="by-year", status=500, times=3))
    result = here.crawl(stage="links")
    failed = [n for n, hit in enumerate(here.shop.requests) if hit.status == 500]
    assert len(failed) == 3
    pauses = [gaps(here)[n] for n in failed]
    for pause, wanted in zip(pauses, (0.5, 1.0, 2.0), strict=True):
        assert wanted - 0.05 <= pause < wanted + 1.5
    assert result.outcome["store_new_keys"] == 60


def test_a_redirect_to_another_host_is_refused(site: Sites) -> None:
    here = site("ornament_shop_com")
    here.crawl(stage="links")
    here.shop.fault(Fault("elsewhere", pattern=r"-\d+/$"))
    result = here.crawl(stage="products")
    assert "other-shop.invalid" in result.log
    assert result.outcome["pages_failed"] == 1
    assert len(here.products()) == 59


def test_challenges_end_the_run_as_blocked_and_nothing_is_lost(site: Sites) -> None:
    here = site("ornament_shop_com")
    here.crawl()
    before = here.products()
    here.shop.fault(Fault("challenge", pattern=r"-\d+/$", times=1000))
    for _ in range(4):
        result = here.crawl(stage="products", which="all")
        assert result.state == "failed"
        assert result.outcome["finish_reason"] == "blocked"
        assert "challenge" in result.outcome["error"]
        assert len(result.paths) <= 3 + 8  # three in a row, and what was on its way
    after = here.products()
    assert after == before
    assert here.changes() == []


def test_autothrottle_is_on() -> None:
    from christmas import settings

    assert settings.AUTOTHROTTLE_ENABLED
    assert settings.ROBOTSTXT_OBEY
    assert not settings.TELNETCONSOLE_ENABLED
    assert not settings.REMOTE_CONTROL_ENABLED
