"""One line of the log."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

import pytest

from christmas.logs.lines import FIELDS, TEXT_MAX, Context, JsonFormatter, as_text, fields_of

CONTEXT = Context("node", "node-1")


def record(message: str, *args: Any, **extra: Any) -> logging.LogRecord:
    """Return a record of 2026-12-24 18:30:00.25 UTC as the logger makes it."""
    made = logging.getLogger("tests.lines").makeRecord(
        "tests.lines", logging.WARNING, "lines.py", 1, message, args, extra.pop("exc_info", None), extra=extra
    )
    made.created = datetime(2026, 12, 24, 18, 30, 0, 250_000, tzinfo=UTC).timestamp()
    return made


def test_a_line_says_when_how_bad_who_and_about_which_job() -> None:
    line = json.loads(JsonFormatter(CONTEXT).format(record("%d pages\nof %s", 3, "Frosty™", job="j", vendor="v_com")))
    assert line == {
        "time": "2026-12-24T18:30:00.250Z", "level": "WARNING", "service": "node", "node": "node-1", "job": "j",
        "vendor": "v_com", "logger": "tests.lines", "event": "3 pages\nof Frosty™",
    }  # fmt: skip


def test_it_is_one_line_whatever_the_text_is() -> None:
    text = JsonFormatter(CONTEXT).format(record("a\nb\r\u2028c\x1b[2J\ud800"))
    assert text.isascii()
    assert len(text.splitlines()) == 1


def test_a_process_with_one_job_need_not_name_it() -> None:
    own = Context("spider", "node-1", "mine", "v_com")
    assert [fields_of(record("x"), own)[name] for name in ("job", "vendor")] == ["mine", "v_com"]
    # A record's own names win: a process may say something about another job.
    assert fields_of(record("x", job="other"), own)["job"] == "other"


def test_all_fields_are_there_in_their_order() -> None:
    assert tuple(fields_of(record("x"), CONTEXT)) == FIELDS


def test_of_a_long_text_the_end_is_kept() -> None:
    error = ValueError("x" * 3 * TEXT_MAX + "the cause")
    fields = fields_of(record("y" * 3 * TEXT_MAX, exc_info=(ValueError, error, None)), CONTEXT)
    assert fields["traceback"].endswith("the cause")
    assert max(map(len, fields.values())) < TEXT_MAX + 10


def test_a_line_for_people_steers_no_terminal() -> None:
    fields = fields_of(record("\x1b[2Jcleared\nand more\ttext", vendor="v_com"), CONTEXT)
    assert as_text(fields) == "2026-12-24 18:30:00 WARNING [node node-1 v_com] \ufffd[2Jcleared\nand more\ttext"


@pytest.mark.parametrize("info", [None, (None, None, None)])
def test_without_an_error_there_is_no_traceback(info: Any) -> None:
    assert fields_of(record("x", exc_info=info), CONTEXT)["traceback"] == ""
