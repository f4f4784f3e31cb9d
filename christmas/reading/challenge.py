"""Tells a bot challenge from a page of the shop's own."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from christmas.errors import BlockedByVendor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from christmas.reading.marks import Marks

# A challenge is a small page of its own; a shop's page may load the same firms' scripts and is larger.
CHALLENGE_MAX_BYTES = 100_000
_TITLE = re.compile(rb"<title[^>]*>\s*([^<]{0,120})", re.IGNORECASE)
_TITLES = (
    b"just a moment", b"attention required", b"access denied", b"are you a robot", b"robot or human", b"ddos-guard",
    b"pardon our interruption", b"security check", b"verify you are human", b"sucuri website firewall", b"captcha",
    b"human verification", b"checking your browser",
)  # fmt: skip
_MARKS = (
    b"_cf_chl_opt", b"cf-challenge-running", b"cf_chl_", b"px-captcha", b"captcha-delivery.com",
    b"Request unsuccessful. Incapsula", b"sucuri_cloudproxy",
)  # fmt: skip
# This firm puts its script into every page it lets through; a page of nothing else has no title.
_SCRIPT_ALONE = b"_Incapsula_Resource"
# What a page of a shop has and a challenge has not; a platform's marks say more.
_SHOP = (b"application/ld+json", b"schema.org/Product")


def raise_if_challenge(body: bytes, url: str, marks: Sequence[Marks] = ()) -> None:
    """Raise BlockedByVendor where the body is a challenge page."""
    shop = (*_SHOP, *(mark for one in marks for mark in one.shop))
    if len(body) > CHALLENGE_MAX_BYTES or any(mark in body for mark in shop):
        return
    title = _TITLE.search(body)
    words = title[1].lower() if title else b""
    alone = not title and _SCRIPT_ALONE in body
    if alone or any(known in words for known in _TITLES) or any(mark in body for mark in _MARKS):
        shown = words.decode("utf-8", "replace").strip() or "no title"
        raise BlockedByVendor(f"{url} answered with a bot challenge ({shown}) instead of the shop's page.")
