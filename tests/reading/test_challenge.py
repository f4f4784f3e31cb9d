from __future__ import annotations

import pytest

from christmas.errors import BlockedByVendor
from christmas.reading.challenge import CHALLENGE_MAX_BYTES
from tests.readers import raise_if_challenge, read_listing, read_year_index

URL = "https://shop.example/1995_c_260.html"
CHALLENGES = [
    b"<html><head><title>Just a moment...</title></head><body>Checking</body></html>",
    b"<HTML><TITLE>\n Attention Required! | Cloudflare</TITLE>",
    b"<title>Access Denied</title><h1>Access Denied</h1>",
    b"<title lang='en'>Pardon Our Interruption</title>",
    b"<title>Please wait</title><script>window._cf_chl_opt={}</script>",
    b"<html><head></head><body><script src='/_Incapsula_Resource?SWJIYLWA=1'></script></body></html>",
    b"<title></title><body>Request unsuccessful. Incapsula incident ID: 1</body>",
    b"<script src='https://ct.captcha-delivery.com/c.js'></script>",
    b"<div id='px-captcha'></div>",
]


@pytest.mark.parametrize("body", CHALLENGES)
def test_a_challenge_is_blocked(body: bytes) -> None:
    with pytest.raises(BlockedByVendor, match=r"shop\.example/1995_c_260\.html answered with a bot challenge"):
        raise_if_challenge(body, URL)


@pytest.mark.parametrize("read", [read_listing, read_year_index])
def test_readers_name_the_challenge(read: object) -> None:
    with pytest.raises(BlockedByVendor):
        read(CHALLENGES[0], URL)  # type: ignore[operator]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<title>1995 Hallmark Ornaments</title>",
        b"<title>Captcha the Elf</title><div class='product-item'></div>",
        b"<title>Access Denied</title><script type='application/ld+json'>{}</script>",
        b"<title>By year</title><script src='/_Incapsula_Resource?SWJIYLWA=1'></script><a class='subcat'>1995</a>",
        b"<title>Just a moment</title>" + b" " * CHALLENGE_MAX_BYTES,
    ],
)
def test_a_page_of_the_shop_is_not(body: bytes) -> None:
    raise_if_challenge(body, URL)
