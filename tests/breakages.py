"""Breakages of the sample shops by name; the auditor must notice each of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import count

from christmas.demo.breakages import Breakage, Edit, PageKind, Render
from christmas.demo.faults import Fault
from christmas.demo.shops import Offer, repriced
from christmas.items import Availability

# robots.txt stays as it is: without it a crawler may read everything, or nothing.
EVERYWHERE: tuple[PageKind, ...] = ("home", "index", "listing", "product", "other")
EQUAL_PRICE_MINOR = 1995
RANGE_MINOR = 500
_CARD_CLASS = re.compile(r'<article class="card"|<div class="product-item"')
_RENAMED = {'<article class="card"': '<article class="tile"', '<div class="product-item"': '<div class="prod-tile"'}
_JSON_LD = re.compile(r'<script type="application/ld\+json">.*?</script>\n?', re.DOTALL)
_JSON_LD_PRICE = re.compile(r'"(?:price|minPrice|maxPrice)": "[^"]*",?\s*')
_MONEY = re.compile(r"\$(?=\d)|\bUSD\b")
_NAME = re.compile(r'(?<=">)[^<>]+(?=</a></h4>|</a></div><div class="price">)')
_VIEW_ALL = re.compile(r'<a class="category-viewall".*?</a>')
_PAGING = re.compile(
    rf'<link rel="next"[^>]*>|<li class="pagination-item.*?</li>|<div class="paging">.*?</div>|{_VIEW_ALL.pattern}'
)
_PAGE_NUMBER = re.compile(r"(?<=[?&]page=)\d+|(?<=-)\d+(?=-3\.html)")
_YEAR_LINK = re.compile(
    r'<li class="navList-item">.*?</li>|<a class="subcat".*?</a>|<li><a href="[^"]*"><img [^>]*Keepsake.*?</li>'
)


def _edited(change: Callable[[str], str]) -> Edit:
    def edit(render: Render, target: str) -> str | None:
        text = render(target)
        return None if text is None else change(text)

    return edit


def _removed(pattern: re.Pattern[str]) -> Edit:
    return _edited(lambda text: pattern.sub("", text))


def _json_ld_without_price(text: str) -> str:
    return _JSON_LD.sub(lambda block: _JSON_LD_PRICE.sub("", block[0]), text)


def _in_euros(text: str) -> str:
    return _MONEY.sub(lambda sign: "€" if sign[0] == "$" else "EUR", text)


def _names_of_the_next(text: str) -> str:
    """Return the page with each card under the next one's name, and the last under the first one's."""
    main, end, rest = text.partition("</main>")
    names = _NAME.findall(main)
    following = iter(names[1:] + names[:1])
    return _NAME.sub(lambda _: next(following), main) + end + rest


def _half_of_the_years(text: str) -> str:
    places = count()
    return _YEAR_LINK.sub(lambda link: "" if next(places) % 2 else link[0], text)


def _back_to_the_first_page(render: Render, target: str) -> str | None:
    text = render(target)
    return None if text is None else _with_next(text, target, lambda _: 1)


def _ever_further_pages(render: Render, target: str) -> str | None:
    """Return a page behind the last one as the last one; each leads to one further."""
    shown, asked = target, _page_of(target)
    while (text := render(shown)) is None and asked > 1:
        asked -= 1
        shown = _PAGE_NUMBER.sub(str(asked), target)
    return None if text is None else _with_next(text, target, lambda number: number + 1)


def _page_of(target: str) -> int:
    number = _PAGE_NUMBER.search(target)
    return int(number[0]) if number else 1


def _with_next(text: str, target: str, following: Callable[[int], int]) -> str:
    """Return the page with another next link, the first one's to the second page, without View All."""
    number = _page_of(target)
    if number == 1:
        return _VIEW_ALL.sub("", text)
    link = f'<link rel="next" href="{_PAGE_NUMBER.sub(str(following(number)), target)}">'
    return _PAGING.sub("", text).replace("<style>", f"{link}<style>", 1)


def _equal(offer: Offer) -> Offer:
    if offer.price_minor is None and offer.price_min_minor is None:
        return offer
    return replace(
        offer, price_minor=EQUAL_PRICE_MINOR, price_min_minor=None, price_max_minor=None, list_price_minor=None
    )


def _range(offer: Offer) -> Offer:
    low = offer.price_minor
    if low is None:
        return offer
    return replace(
        offer, price_minor=None, price_min_minor=low, price_max_minor=low + RANGE_MINOR, list_price_minor=None
    )


# price_range is for shops that show ranges (BigCommerce), json_ld_* for generations with JSON-LD.
BREAKAGES: Mapping[str, Breakage] = {
    "class_renamed": Breakage(edits={"listing": _edited(lambda text: _CARD_CLASS.sub(lambda m: _RENAMED[m[0]], text))}),
    "json_ld_dropped": Breakage(edits={"product": _removed(_JSON_LD)}),
    "json_ld_price_removed": Breakage(edits={"product": _edited(_json_ld_without_price)}),
    "price_range": Breakage(offer=_range),
    "currency_changed": Breakage(edits=dict.fromkeys(EVERYWHERE, _edited(_in_euros))),
    "prices_times_100": Breakage(offer=lambda offer: repriced(offer, lambda minor: minor * 100)),
    "prices_all_equal": Breakage(offer=_equal),
    "names_swapped": Breakage(edits={"listing": _edited(_names_of_the_next)}),
    "skus_gone": Breakage(offer=lambda offer: replace(offer, sku="")),
    "first_page_only": Breakage(edits={"listing": _removed(_PAGING)}),
    "paging_loops": Breakage(edits={"listing": _back_to_the_first_page}),
    "paging_never_ends": Breakage(edits={"listing": _ever_further_pages}),
    "half_index": Breakage(edits={"index": _edited(_half_of_the_years)}),
    "index_empty": Breakage(edits={"index": _removed(_YEAR_LINK)}),
    "products_redirect": Breakage(faults={"product": Fault("status", status=302, headers={"Location": "/"})}),
    "all_out_of_stock": Breakage(offer=lambda offer: replace(offer, availability=Availability.OUT_OF_STOCK)),
    "challenge_on_products": Breakage(faults={"product": Fault("challenge")}),
    "all_404": Breakage(faults=dict.fromkeys(EVERYWHERE, Fault("status", status=404))),
    "third_500": Breakage(faults=dict.fromkeys(EVERYWHERE, Fault("status", status=500)), one_in=3),
    "ten_times_slower": Breakage(delay_factor=10),
    "bodies_cut": Breakage(faults=dict.fromkeys(EVERYWHERE, Fault("truncated"))),
}
