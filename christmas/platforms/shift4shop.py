"""Shift4Shop, formerly 3dcart: numbered products (catalogid), year pages, View All links, ``_3d_item``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, ClassVar

from lxml import etree

from christmas.items import UNREAD
from christmas.platforms.integration import Integration
from christmas.reading.facts import ProductFacts
from christmas.reading.marks import Cards, Marks, Paging, Price, ProductPage, Quick, Script
from christmas.reading.markup import has_class
from christmas.reading.microdata import ASIDE
from christmas.reading.scripts import set_price
from christmas.reading.stock import availability_of
from christmas.reading.values import name_of, text

if TYPE_CHECKING:
    from lxml import html

_NOT_ASIDE = f"[not({ASIDE})]"
_NOT_OTHERS = f"{_NOT_ASIDE}[not(ancestor::*[{has_class('product-item')}][not(.//h1)])]"
_HEADING = f"//h1[{has_class('page_headers')}]"
_SKU = f"//*[@id='product_id']{_NOT_ASIDE}"
_PRICE = f"//*[@id='price']{_NOT_ASIDE}"
_SALE = etree.XPath(f"//*[{has_class('sale-price')}]{_NOT_OTHERS}")
_OLD = etree.XPath(f"//*[{has_class('original-price')} or {has_class('regular-price')}]{_NOT_OTHERS}")
_ITEMS = etree.XPath(
    f"//*[{has_class('product-item')}][not(ancestor::aside)]"
    "[not(ancestor::*[contains(@class, 'related') or contains(@id, 'related')])]"
)
_IN_CATEGORY = etree.XPath(f"ancestor::*[{has_class('category-products')}]")
_CARD_REGULAR = etree.XPath(f".//*[{has_class('regular-price')}]")


def _items(document: html.HtmlElement) -> list[html.HtmlElement]:
    items = _ITEMS(document)
    return [item for item in items if _IN_CATEGORY(item)] or items


CARDS = Cards(
    cards=_items,
    links=etree.XPath(f".//*[{has_class('name')}]//a[@href]"),
    prices=(
        Price(etree.XPath(f".//*[{has_class('sale-price')}]"), (_CARD_REGULAR,)),
        Price(_CARD_REGULAR),
        Price(etree.XPath(f".//*[{has_class('price')}]")),
    ),
    stock=etree.XPath(f".//*[{has_class('availability')}]"),
    ids=((etree.XPath("@data-catalogid"), re.compile(r"^(\S+)$")),),
)

PRODUCT = ProductPage(
    view=etree.XPath(f"/html[{_SKU}[normalize-space()] or ({_PRICE} and (//h1[@itemprop='name'] or {_HEADING}))]"),
    heading=etree.XPath(_HEADING),
    sku=etree.XPath(_SKU),
    prices=(Price(_SALE, (_OLD,)), Price(etree.XPath(_PRICE)), Price(_OLD)),
    stock=etree.XPath(f"//*[@id='availability']{_NOT_ASIDE}"),
)


def read_3d_item(value: dict[str, Any]) -> ProductFacts:
    """Read ``_3d_item``."""
    facts = ProductFacts(
        source="_3d_item", name=name_of(value.get("name")) or UNREAD, sku=text(value.get("id")) or UNREAD
    )
    facts.availability = availability_of(str(value.get("availability", "")))
    if "price" in value:
        set_price(facts, value["price"])
    return facts


_BLOCKS = " or ".join(has_class(name) for name in ("subcat", "subcategories", "sub-categories"))
_ALL = "viewall=1"

MARKS = Marks(
    name="Shift4Shop",
    looked_for=".product-item",
    number_in_path=re.compile(r"_p_(\d+)\.html?$", re.IGNORECASE),
    number_parameters=("itemid",),
    page_parameters=frozenset({"itemid", "cat", "catid", "viewall"}),
    shop=(b"product-item",),
    year_links=etree.XPath(
        f"//a[@href][ancestor-or-self::*[{_BLOCKS}] or ancestor::li/parent::*[{has_class('columns-5')}]]"
    ),
    subcategories=etree.XPath(
        f"//*[{has_class('sub-categories')}]//a/@href | //*[{has_class('subcategories')}]//li//a/@href"
        f" | //a[{has_class('subcat')}]/@href"
    ),
    cards=CARDS,
    paging=Paging(
        links=etree.XPath(f"//*[{has_class('paging')}]//a[@href]"),
        number=re.compile(r"_c_\d+-(\d+)-\d+\.html|[?&]page=(\d+)", re.IGNORECASE),
        # A listing of more than one page is two requests so, instead of ceil(n / page size).
        view_all=etree.XPath(f"//a[@href][{has_class('category-viewall')} or contains(@href, '{_ALL}')]/@href"),
        all_in_url=_ALL,
    ),
    product=PRODUCT,
    ids=(
        (
            b"_3d_item",
            re.compile(rb"_3d_item\s{0,20}=\s{0,20}\{\s{0,20}[\"']?catalogid[\"']?\s{0,20}:\s{0,20}[\"']?(\d+)"),
        ),
        (b"item_id", re.compile(rb"<input[^<>]{0,500}?\bname=\"item_id\"[^<>]{0,500}?\bvalue=\"(\d+)\"")),
    ),
    scripts=(Script("_3d_item", read_3d_item),),
    quick=Quick(
        more={
            "sku": (b"product_id",),
            "list_price": (
                b"original-price", b"regular-price", b'"sale-price', b"'sale-price", b" sale-price", b"=sale-price",
            ),
        }
    ),
)  # fmt: skip


class Shift4Shop(Integration):
    """A vendor on Shift4Shop; see Integration for what to set."""

    marks: ClassVar[tuple[Marks, ...]] = (MARKS,)
