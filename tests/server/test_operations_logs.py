"""The operations' logs: what they show, what comes, and what came earlier."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from redis import Redis

from christmas import valkey
from christmas.config import Config
from tests.server.browsing import Browser, text
from tests.server.filled import RUN, RUNNING, VENDORS
from tests.server.running import Server
from tests.server.watched import say

FIRST, SECOND, THIRD = VENDORS
POLLED = "every 2s"


@pytest.fixture(scope="module")
def operator(own: Server) -> Browser:
    return Browser(own, own.sign_in())


@pytest.fixture(scope="module")
def redis(own: Server) -> Iterator[Redis]:
    folder = own.log_path.parent
    with valkey.connect(Config(var_path=folder)) as found:
        yield found
    valkey.release(folder / "valkey")


def test_those_of_a_job_follow_until_it_has_ended(operator: Browser, redis: Redis) -> None:
    say(redis, "the first line", RUNNING, THIRD)
    say(redis, "of another job", RUN, FIRST)
    [begin] = operator.open(f"/operations/jobs/{RUNNING}").xpath("//*[@role='log']/*")
    assert begin.get("hx-trigger") == "load"
    page = operator.open(begin.get("hx-get"))
    assert [text(line) for line in page.find_class("line")] == [
        f"2026-01-02 03:04:05 INFO [node here {THIRD}] the first line"
    ]
    [more] = page.xpath("//*[@hx-trigger]")
    assert more.get("hx-trigger") == POLLED
    assert not page.xpath("//*[text()='Earlier lines']")
    say(redis, "<b>the second</b>", RUNNING, THIRD)
    page = operator.open(more.get("hx-get"))
    assert [text(line).partition("] ")[2] for line in page.find_class("line")] == ["<b>the second</b>"]
    [further] = page.xpath("//*[@hx-trigger]")
    assert further.get("hx-get") != more.get("hx-get")
    ended = operator.open(f"/operations/jobs/{RUN}/logs")
    assert not ended.xpath("//*[@hx-trigger]")
    assert "the job has ended" in text(ended)


def test_what_is_not_among_the_newest_is_on_a_further_page(operator: Browser, redis: Redis) -> None:
    for number in range(210):
        say(redis, f"line {number}", vendor="many_com", level="CRITICAL")
    page = operator.open("/operations/logs?vendor=many_com&level=CRITICAL")
    assert len(page.find_class("line")) == 200
    [link] = page.xpath("//a[text()='Earlier lines']")
    assert link.get("href") == link.get("hx-get")
    page = operator.open(link.get("href"))
    before = [text(line).partition("] ")[2] for line in page.find_class("line")]
    assert before == [f"line {number}" for number in range(10)]
    assert not page.xpath("//*[@hx-get]")


def test_all_are_chosen_by_vendor_and_level(operator: Browser, redis: Redis) -> None:
    say(redis, "a small thing", vendor=FIRST)
    say(redis, "a large thing", vendor=FIRST, level="ERROR")
    page = operator.open(f"/operations/logs?vendor={FIRST}&level=ERROR")
    assert [text(line).partition("] ")[2] for line in page.find_class("line")] == ["a large thing"]
    [more] = page.xpath("//*[@hx-trigger]")
    say(redis, "a larger thing", vendor=FIRST, level="CRITICAL")
    say(redis, "of another", vendor=SECOND, level="ERROR")
    page = operator.open(more.get("hx-get"))
    assert [text(line).partition("] ")[2] for line in page.find_class("line")] == ["a larger thing"]
