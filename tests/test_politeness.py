"""Politeness, counted at the shop."""

from __future__ import annotations

import itertools
from collections.abc import Callable

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
    here.shop.robots = "User-agent: *\nCrawl-delay: 0.8\n"
    here.crawl(stage="links")
    assert len(here.shop.requests) >= 6
    # With Scrapy's jitter the least would be half of it. The first gap is between robots.txt and what it allowed.
    assert min(gaps(here)[1:]) >= 0.6


def test_the_configured_delay_and_concurrency(site: Sites) -> None:
    here = site("ornament_shop_com")
    here.variables |= {
        "CHRISTMAS__POLITENESS__DOWNLOAD_DELAY_SECONDS": "0.3",
        "CHRISTMAS__POLITENESS__CONCURRENCY": "1",
    }
    here.crawl(stage="links")
    # Scrapy lets a delay vary by half around its value, so that the average is what was configured.
    assert sum(gaps(here)) / len(gaps(here)) >= 0.22


def test_retry_after_pauses_the_whole_shop(site: Sites) -> None:
    """Which answers, which forms, and for how long is asked of the middleware itself: ``test_politeness_units``."""
    here = site("ornament_shop_com")
    here.variables["CHRISTMAS__POLITENESS__CONCURRENCY"] = "1"
    here.shop.fault(Fault("status", pattern="hallmark-ornaments/", status=429, headers={"Retry-After": "2"}))
    result = here.crawl(stage="links")
    (refused,) = [place for place, hit in enumerate(here.shop.requests) if hit.status == 429]
    assert gaps(here)[refused] >= 1.9
    assert result.state == "succeeded"
    assert result.outcome["store_new_keys"] == 60


def test_back_off_grows(site: Sites) -> None:
    here = site("ornament_shop_com")
    here.variables |= {"CHRISTMAS__POLITENESS__BACKOFF_BASE_SECONDS": "0.3", "CHRISTMAS__POLITENESS__CONCURRENCY": "1"}
    here.shop.fault(Fault("status", pattern="by-year", status=500, times=3))
    result = here.crawl(stage="links")
    failed = [n for n, hit in enumerate(here.shop.requests) if hit.status == 500]
    assert len(failed) == 3
    for n, wanted in zip(failed, (0.3, 0.6, 1.2), strict=True):
        assert gaps(here)[n] >= wanted - 0.05
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
    for _ in range(2):
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
