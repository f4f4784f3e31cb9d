"""No key, password or cookie in a log: every record of the process is cleaned before any handler sees its text.

It is the record that is cleaned and not a handler: Scrapy installs handlers of its own, and does so again and again.
"""

from __future__ import annotations

import logging
import re
import sys
import threading
import traceback
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, quote, unquote, urlsplit

if TYPE_CHECKING:
    from types import TracebackType
    from typing import Any

    from christmas.config import Config

MASK = "***"
# Shorter secrets are masked only where they stand alone: "a" as a password must not empty every word.
ALONE_BELOW = 12

# One of these must be in a text for the patterns of names to apply; most lines hold none and cost 4 us (2026-11).
_NAMES = (
    "authoriz",
    "cookie",
    "basic",
    "bearer",
    "passw",
    "passphrase",
    "pwd",
    "storage_state",
    "secret",
    "token",
    "key",
)
_AFTER_A_NAME = (
    # Headers, as they are sent, as a dict and as a pair: what follows on the line is not told from the value.
    (
        re.compile(r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookies?|storage_state)(['\"]?\s*[:=]|['\"]\s*,)[^\n]+"),
        rf"\1\2 {MASK}",
    ),
    (re.compile(r"(?i)\b(basic|bearer)\s+(?=\S*[0-9=+/])[\w.~+/=-]{8,}"), rf"\1 {MASK}"),
    (
        re.compile(
            r"(?i)((?:password|passwd|passphrase|\bpwd|secret|token|api[_-]?key|access[_-]?key|private[_-]?key)"
            r"['\"]?\s*[:=]\s*)(?:b?'[^'\n]*'|b?\"[^\"\n]*\"|[^\s,;&'\")}\]]+)"
        ),
        rf"\1{MASK}",
    ),
    # A shop's own key of a product is a number, a word or a path; only what looks random is a secret.
    (
        re.compile(r"(?i)(\bkey['\"]?\s*[:=]\s*['\"]?)(?-i:(?=\w*\d)(?=\w*[A-Za-z])\w{16,}(?![\w/-]))"),
        rf"\1{MASK}",
    ),
)
_IN_ADDRESSES = (
    # scheme://user:password@; a password may hold an @ of its own, or a slash.
    (re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#'\"]*@"), rf"\1{MASK}@"),
    (re.compile(r"\b([A-Za-z][A-Za-z0-9+.-]*://)[^\s/?#'\"@]*:(?!\d+/)[^\s'\"@]*@"), rf"\1{MASK}@"),
)
# This project's own keys: 43 characters of the URL-safe alphabet (access/api_keys.py), of both cases.
_OWN_KEY = re.compile(r"(?<![\w/-])[\w-]{43}(?![\w-])")

_secrets: re.Pattern[str] | None = None


def redact(text: str) -> str:
    """Return a text without keys, passwords and cookies."""
    if _secrets is not None:
        text = _secrets.sub(MASK, text)
    lower = text.lower()
    if any(name in lower for name in _NAMES):
        for pattern, replacement in _AFTER_A_NAME:
            text = pattern.sub(replacement, text)
    if "@" in text and "://" in text:
        for pattern, replacement in _IN_ADDRESSES:
            text = pattern.sub(replacement, text)
    return _OWN_KEY.sub(_masked_key, text)


class CleanRecord(logging.LogRecord):
    """A record whose message, traceback and stack hold no secret, whatever handler or formatter asks for them."""

    _exc_text: str | None = None

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.stack_info:
            self.stack_info = redact(self.stack_info)

    def getMessage(self) -> str:  # noqa: N802  # logging's name
        """Return the message with its arguments, cleaned."""
        return redact(super().getMessage())

    @property
    def exc_text(self) -> str | None:
        """Return the traceback, cleaned; formatters take it before they make one of their own."""
        if self._exc_text is None and self.exc_info and self.exc_info[0] is not None:
            self._exc_text = _traceback(*self.exc_info)
        return self._exc_text

    @exc_text.setter
    def exc_text(self, text: str | None) -> None:
        self._exc_text = None if text is None else redact(text)


def install(config: Config | None = None) -> None:
    """Clean everything that this process logs from now on, and the tracebacks that it dies with.

    With ``config``, its own secrets are known wherever they appear.
    """
    global _secrets  # one list for the process, like the record factory
    if config is not None:
        _secrets = _pattern(_secrets_of(config))
    logging.setLogRecordFactory(CleanRecord)
    sys.excepthook = _print_cleaned
    threading.excepthook = _print_thread_cleaned


def _masked_key(found: re.Match[str]) -> str:
    text = found[0]
    return text if text in {text.lower(), text.upper()} else MASK


def _secrets_of(config: Config) -> set[str]:
    found = {config.access.key, *config.access.test_users.values()}
    for url in (config.database.url, config.redis.url):
        found |= _passwords(url)
    return {secret for secret in found if secret}


def _passwords(url: str) -> set[str]:
    """Return the passwords of an address, as they are written in it, decoded, and as others encode them."""
    try:
        parts = urlsplit(url)
        written = {parts.password or ""} | {value for name, value in parse_qsl(parts.query) if "password" in name}
    except ValueError:  # whoever connects says what is wrong with it
        return set()
    decoded = {unquote(password) for password in written}
    return written | decoded | {quote(password, safe="") for password in decoded}


def _pattern(secrets: set[str]) -> re.Pattern[str] | None:
    # The longest first: a secret may begin like another.
    texts = [
        re.escape(secret) if len(secret) >= ALONE_BELOW else rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])"
        for secret in sorted(secrets, key=len, reverse=True)
    ]
    return re.compile("|".join(texts)) if texts else None


def _traceback(
    kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
) -> str:  # fmt: skip
    return redact("".join(traceback.format_exception(kind, error, trace)).removesuffix("\n"))


def _print_cleaned(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    print(_traceback(kind, error, trace), file=sys.stderr)  # noqa: T201  # what Python does by itself


def _print_thread_cleaned(given: threading.ExceptHookArgs) -> None:
    if given.exc_type is not SystemExit:
        name = given.thread.name if given.thread else given.thread
        text = _traceback(given.exc_type, given.exc_value, given.exc_traceback)
        print(f"Exception in thread {name}:\n{text}", file=sys.stderr)  # noqa: T201  # what Python does by itself
