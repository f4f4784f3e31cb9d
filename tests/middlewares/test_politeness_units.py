"""Politeness by calls: what each answer of a shop does to the downloader's slot, on a clock that stands still."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scrapy import Request
from scrapy.core.downloader import Slot
from scrapy.http import Response
from scrapy.robotstxt import ProtegoRobotParser

from christmas.config.sections import PolitenessConfig
from christmas.middlewares import politeness
from christmas.middlewares.politeness import PolitenessMiddleware, retry_after_seconds

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
MAXIMUM = 900.0


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (b"0", 0.0),
        (b"120", 120.0),
        (b" 120 ", 120.0),
        (b"901", MAXIMUM),
        (b"9" * 400, MAXIMUM),
        (b"Tue, 24 Nov 2026 12:02:00 GMT", 120.0),
        (b"Tue, 24 Nov 2026 12:02:00 -0000", 120.0),
        (b"Tue, 24 Nov 2026 13:02:00 +0100", 120.0),
        (b"Tuesday, 24-Nov-26 12:02:00 GMT", 120.0),
        (b"Tue, 24 Nov 2026 11:00:00 GMT", 0.0),
        (b"Tue, 24 Nov 2036 12:00:00 GMT", MAXIMUM),
    ],
)
def test_seconds_and_dates(value: bytes, seconds: float) -> None:
    assert retry_after_seconds(value, NOW, MAXIMUM) == seconds


@pytest.mark.parametrize(
    "value",
    [None, b"", b"  ", b"soon", b"-5", b"1.5", b"\xb2", b"\xff\xfe", b"Tue, 99 Nov 2026 12:00:00 GMT", b"24 Nov"],
)
def test_what_says_nothing_readable(value: bytes | None) -> None:
    assert retry_after_seconds(value, NOW, MAXIMUM) is None


@given(st.binary(max_size=60))
def test_any_header_is_read_or_ignored(value: bytes) -> None:
    found = retry_after_seconds(value, NOW, MAXIMUM)
    assert found is None or 0 <= found <= MAXIMUM


@given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1)))  # noqa: DTZ001  # made aware below
def test_a_date_is_the_time_until_it(until: datetime) -> None:
    until = until.replace(microsecond=0, tzinfo=UTC)
    found = retry_after_seconds(format_datetime(until, usegmt=True).encode(), NOW, MAXIMUM)
    assert found == min(max((until - NOW).total_seconds(), 0), MAXIMUM)


class Shop:
    """A middleware whose downloader has one slot, and answers for it."""

    def __init__(self, **configured: Any) -> None:
        self.slot = Slot(concurrency=4, delay=0.0, jitter=0.5)
        self.throttle = SimpleNamespace(mindelay=0.0, maxdelay=5.0)
        self.stopped: list[str] = []
        downloader = SimpleNamespace(slots={"shop.example": self.slot})
        crawler: Any = SimpleNamespace(
            engine=SimpleNamespace(downloader=downloader), stats=None, get_extension=lambda _: self.throttle,
            settings={"USER_AGENT": "christmas/1"}, spider=SimpleNamespace(allowed_domains=["shop.example"]),
        )  # fmt: skip
        self.middleware = PolitenessMiddleware(crawler, PolitenessConfig(**configured))

    def answer(self, status: int, retry_after: str | None = None) -> float:
        """Let the shop answer, and return for how many seconds it is left alone from now on."""
        headers = {} if retry_after is None else {"Retry-After": retry_after}
        request = Request("http://shop.example/p")
        self.slot.lastseen = CLOCK
        self.middleware.process_response(request, Response(request.url, status=status, headers=headers))
        return self.slot.lastseen - CLOCK

    def robots(self, text: str) -> None:
        parser = ProtegoRobotParser(text.encode(), None)
        self.middleware.robots_parsed(parser, Request("http://shop.example/robots.txt"))


CLOCK = 1000.0


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Shop]:
    class Standing(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]
            return NOW

    monkeypatch.setattr(politeness, "monotonic", lambda: CLOCK)
    monkeypatch.setattr(politeness, "datetime", Standing)
    monkeypatch.setattr(politeness, "stop", lambda crawler, reason, _: crawler.spider.__dict__.update(stopped=reason))
    return Shop


@pytest.mark.parametrize("status", [429, 500, 503])
def test_retry_after_pauses_the_whole_shop_in_either_form(status: int, shop: Callable[..., Shop]) -> None:
    assert shop().answer(status, "3") == 3
    assert shop().answer(status, format_datetime(NOW + timedelta(seconds=7), usegmt=True)) == 7
    assert shop().answer(status, "0") == 0
    assert shop(retry_after_max_seconds=1).answer(status, "86400") == 1


def test_a_slot_without_a_delay_looks_at_its_clock_after_a_pause(shop: Callable[..., Shop]) -> None:
    one = shop()
    one.answer(503, "3")
    assert one.slot.delay > 0


def test_a_pause_doubles_with_each_error_in_a_row(shop: Callable[..., Shop]) -> None:
    one = shop(backoff_base_seconds=0.5, retry_after_max_seconds=3)
    assert [one.answer(500) for _ in range(5)] == [0.5, 1, 2, 3, 3]
    assert one.answer(200) == 0
    assert one.answer(404) == 0
    assert one.answer(500) == 0.5


def test_eight_errors_in_a_row_end_the_run(shop: Callable[..., Shop]) -> None:
    one = shop()
    spider: Any = one.middleware.crawler.spider
    for _ in range(7):
        one.answer(503)
    assert not hasattr(spider, "stopped")
    one.answer(503)
    assert spider.stopped == "unavailable"


def test_crawl_delay_is_the_least_delay_and_one_request_at_a_time(shop: Callable[..., Shop]) -> None:
    one = shop()
    one.robots("User-agent: *\nCrawl-delay: 0.4\n")
    assert (one.slot.delay, one.slot.jitter, one.slot.concurrency) == (0.4, 0.0, 1)
    assert (one.throttle.mindelay, one.throttle.maxdelay) == (0.4, 5.0)
    one.robots("User-agent: *\nCrawl-delay: 90\n")
    assert (one.slot.delay, one.throttle.mindelay, one.throttle.maxdelay) == (90, 90, 90)
    one.robots("User-agent: *\nCrawl-delay: 1\n")
    assert (one.slot.delay, one.throttle.mindelay) == (90, 90)  # never shorter


def test_robots_txt_without_a_crawl_delay_changes_nothing(shop: Callable[..., Shop]) -> None:
    one = shop()
    one.robots("User-agent: *\nDisallow: /cart\n")
    assert (one.slot.delay, one.slot.jitter, one.slot.concurrency) == (0.0, 0.5, 4)
