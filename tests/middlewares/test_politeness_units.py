from __future__ import annotations

from datetime import UTC, datetime
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from christmas.middlewares.politeness import retry_after_seconds

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
