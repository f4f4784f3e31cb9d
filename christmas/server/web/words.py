"""The words of pages for vendors, stock, boxes and changes."""

from __future__ import annotations

import re
from datetime import datetime

from christmas.server.web.render import templates

# By availability: what a page says, and the class of the tag around it.
STOCK = {
    "in_stock": ("in stock", "tag-ok"),
    "low_stock": ("few left", "tag-warn"),
    "preorder": ("preorder", "tag-ok"),
    "out_of_stock": ("sold out", "tag-bad"),
    "discontinued": ("discontinued", "tag-bad"),
    "unknown": ("unknown", "badge"),
}
BOXES = {"NB": "no box", "DB": "damaged box", "SDB": "slightly damaged box"}
KINDS = {"fell": "Price fell", "rose": "Price rose", "back": "Back in stock", "sold_out": "Sold out"}
FIELDS = {"price": "price", "list_price": "list price", "availability": "stock", "release_year": "year"}
_TOP_LEVEL = re.compile(r"_[a-z]{2,4}$")


def shop(vendor: str) -> str:
    """Return a vendor's name for people: ``hallmark_ornaments_com`` is ``Hallmark Ornaments``."""
    return _TOP_LEVEL.sub("", vendor).replace("_", " ").title()


def stock(availability: str | None) -> str:
    """Return the words for a stock state."""
    return STOCK.get(availability or "unknown", STOCK["unknown"])[0]


def stock_class(availability: str | None) -> str:
    """Return the class of the tag around ``stock``."""
    return STOCK.get(availability or "unknown", STOCK["unknown"])[1]


def box(mark: str | None) -> str:
    """Return the words for a SKU's box mark; an empty text where it has none."""
    return BOXES.get(mark or "", mark or "")


def piece_address(year: int | None, piece: str) -> str:
    """Return the address of an ornament's page; ``piece`` is a normal form, which needs no quoting."""
    return f"/pieces/{year or 'unknown'}/{piece}"


def moment(at: datetime) -> str:
    """Format a time in UTC."""
    return f"{at:%Y-%m-%d %H:%M} UTC"


templates.filters.update(shop=shop, stock=stock, stock_class=stock_class, box=box, moment=moment)
templates.globals.update(piece_address=piece_address, fields=FIELDS, kinds=KINDS)
