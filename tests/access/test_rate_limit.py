"""Failed logins per address and minute, on a clock that the test moves."""

from __future__ import annotations

import threading

from christmas.access import rate_limit
from christmas.access.rate_limit import FailedLogins


def failed(found: FailedLogins, address: str, *times: float) -> None:
    for now in times:
        found.failed(address, now)


def test_an_address_is_closed_after_too_many_failures() -> None:
    found = FailedLogins(3)
    failed(found, "a", 0, 1)
    assert not found.is_closed("a", 2)
    failed(found, "a", 2)
    assert found.is_closed("a", 2)
    assert not found.is_closed("b", 2)


def test_it_opens_when_the_oldest_failure_is_a_minute_old() -> None:
    found = FailedLogins(3)
    failed(found, "a", 0, 10, 20)
    assert found.is_closed("a", 59.9)
    assert not found.is_closed("a", 60)
    failed(found, "a", 61)
    assert found.is_closed("a", 69.9)
    assert not found.is_closed("a", 70)


def test_slow_failures_never_close_an_address() -> None:
    found = FailedLogins(2)
    for minute in range(10):
        failed(found, "a", minute * 61)
        assert not found.is_closed("a", minute * 61)


def test_one_failure_may_be_the_limit() -> None:
    found = FailedLogins(1)
    assert not found.is_closed("a", 0)
    failed(found, "a", 0)
    assert found.is_closed("a", 1)


def test_the_memory_for_addresses_is_bounded() -> None:
    found = FailedLogins(1)
    for number in range(rate_limit.ADDRESSES_MAX + 100):
        failed(found, f"address {number}", 0)
    assert not found.is_closed("address 99", 1)
    assert found.is_closed("address 100", 1)
    assert found.is_closed(f"address {rate_limit.ADDRESSES_MAX + 99}", 1)


def test_an_address_that_fails_again_is_not_forgotten_first() -> None:
    found = FailedLogins(2)
    failed(found, "attacker", 0)
    for number in range(rate_limit.ADDRESSES_MAX - 1):
        failed(found, f"address {number}", 0)
    failed(found, "attacker", 1)
    failed(found, "one more", 1)
    assert found.is_closed("attacker", 2)


def test_failures_from_many_threads_are_all_counted() -> None:
    found = FailedLogins(800)
    threads = [threading.Thread(target=failed, args=(found, "a", *[0.0] * 100)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert found.is_closed("a", 1)


def test_the_clock_is_the_monotonic_one() -> None:
    found = FailedLogins(1)
    found.failed("a")
    assert found.is_closed("a")


def test_the_first_refusal_of_a_closed_address_is_told_from_the_others() -> None:
    found = FailedLogins(2)
    failed(found, "a", 0, 1)
    failed(found, "b", 0, 1)
    assert [found.refused(address) for address in ("a", "b", "a", "a")] == [True, True, False, False]
    failed(found, "a", 61, 62)  # it was open in between
    assert [found.refused("a"), found.refused("a"), found.refused("b")] == [True, False, False]
