"""A schema.org Product, from JSON-LD or microdata, to facts."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any
from urllib.parse import parse_qs, urljoin, urlsplit

from christmas.errors import PriceUnreadable
from christmas.items import UNREAD, Read
from christmas.reading.facts import ProductFacts
from christmas.reading.marks import Marks
from christmas.reading.offers import offers_of, read_offers
from christmas.reading.urls import key_in_url, url_path
from christmas.reading.values import first_text, link_of, listed, mappings, name_of, text, types

_PRODUCTS = {"product", "productgroup", "productmodel", "individualproduct", "someproducts"}
_PAGES = {"webpage", "itempage", "website"}
_GTINS = ("gtin", "gtin13", "gtin12", "gtin14", "gtin8", "upc", "ean")
# What variants have in common.
_SHARED = {"name", "brand", "manufacturer", "image", "releaseDate", "productionDate"}
_GTIN = re.compile(r"\d{8,14}")
_YEAR = re.compile(r"((?:19|20)\d\d)\b")


def products(nodes: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the products among top-level nodes, those that a page is about first and each once."""
    nodes = list(nodes)
    pages = [node for node in nodes if types(node) & _PAGES]
    about = [one for node in pages for one in mappings(node.get("mainEntity"))]
    found = {id(node): node for node in (*about, *nodes) if types(node) & _PRODUCTS}
    return _without_variants(list(found.values()))


def _without_variants(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave out products that are variants of a group that is there too; the group gets those it does not name."""
    groups = {id(node): node for node in found if "productgroup" in types(node)}
    known = {id(variant) for group in groups.values() for variant in mappings(group.get("hasVariant"))}
    alone = []
    for node in found:
        owner = next((groups[id(one)] for one in mappings(node.get("isVariantOf")) if id(one) in groups), None)
        if owner is not None and id(node) not in known:
            owner["hasVariant"] = [*listed(owner.get("hasVariant")), node]
        elif id(node) not in known:
            alone.append(node)
    return alone


def main_products(
    found: list[dict[str, Any]], urls: list[str], heading: str = "", marks: Sequence[Marks] = ()
) -> list[dict[str, Any]]:
    """Return the one product a page is about, more than once where the page says it twice; [] where none of many is.

    ``urls`` are the page's own and its canonical ones. Products that differ only in their variant are one group.
    """
    if len(found) == 1:
        return [] if _is_of_another_page(found[0], urls, heading, marks) else found
    paths = {url_path(url, marks) for url in urls}
    named = [node for node in found if paths & {url_path(urljoin(urls[0], link), marks) for link in _links(node)}]
    titled = [node for node in named or found if _same(text(node.get("name")), heading)]
    chosen = titled or named
    if not chosen and len({(text(node.get("name")), text(node.get("sku"))) for node in found}) == 1:
        chosen = found
    return [_group(chosen)] if _are_variants(chosen) else chosen


def _are_variants(chosen: list[dict[str, Any]]) -> bool:
    """Tell variants of one product, each with its own SKU or address, from one product said twice."""
    skus = {text(node.get("sku")) for node in chosen} - {""}
    names = {text(node.get("name")) for node in chosen}
    links = {link_of(node.get("url")) for node in chosen}
    return len(skus) > 1 or (not skus and len(names) > 1 and len(links) > 1)


def _group(variants: list[dict[str, Any]]) -> dict[str, Any]:
    shared = {name: value for name, value in variants[0].items() if name in _SHARED}
    return {"@type": "ProductGroup", **shared, "hasVariant": variants}


def _links(node: dict[str, Any]) -> list[str]:
    named = [link_of(one.get(name)) for one in (node, *offers_of(node)) for name in ("url", "@id")]
    return [link.partition("#")[0] for link in named if link.partition("#")[0]]


def is_page_of(node: dict[str, Any], url: str, marks: Sequence[Marks] = ()) -> bool:
    """Return whether a product names no other page as its own."""
    return not _is_of_another_page(node, [url], None, marks)


def _is_of_another_page(node: dict[str, Any], urls: list[str], heading: str | None, marks: Sequence[Marks]) -> bool:
    """Return whether the page's only product has another address and another name: a shop's advertisement."""
    own = [url for url in urls if url.startswith(("http://", "https://"))]
    links = [link for one in (node, *offers_of(node)) if (link := link_of(one.get("url")))]
    if not own or not links or {_last(link, marks) for link in links} & {_last(url, marks) for url in own}:
        return False
    if heading is None:
        return True
    name = text(node.get("name"))
    return bool(heading) and not _same(name, heading) and name not in heading and heading not in name


def _last(url: str, marks: Sequence[Marks]) -> str:
    """Return what names a page whatever category it is reached through: its number, else the path's last part."""
    return key_in_url(url, marks) or url_path(url, marks).partition("?")[0].rpartition("/")[2].lower()


def _same(name: str, heading: str) -> bool:
    return bool(heading) and name.casefold() == heading.casefold()


def facts_of(node: dict[str, Any], url: str, source: str) -> ProductFacts:
    """Read one product; a price that cannot be read is left UNREAD and named among the disagreements."""
    node = _variant_asked(node, url)
    variants = mappings(node.get("hasVariant"))
    offers = offers_of(node) or [offer for variant in variants for offer in offers_of(variant)]
    if not offers and "price" in node:
        offers = [node]
    # What only one variant or one offer tells is the product's; with several it is none's.
    told = [node, *(variants if len(variants) == 1 else []), *(offers if len(offers) == 1 else [])]
    facts = ProductFacts(
        name=name_of(node.get("name")) or UNREAD,
        sku=next((sku for one in told if (sku := _sku(one))), UNREAD),
        gtin=next((gtin for one in told if (gtin := _gtin(one))), UNREAD),
        brand=text(node.get("brand")) or _maker(node),
        image_url=_image(node.get("image")),
        source=source,
    )
    if year := _YEAR.match(first_text(node.get("releaseDate"), node.get("productionDate"))):
        facts.release_year = int(year[1])
    try:
        read_offers(facts, offers)
    except PriceUnreadable as error:
        facts.disagreements = (f"{source}: {error}",)
    return facts


def _sku(node: dict[str, Any]) -> str:
    return text(node.get("sku")) if "sku" in node else text(node.get("mpn"))


def _gtin(node: dict[str, Any]) -> str:
    numbers = (re.sub(r"[\s-]", "", text(node.get(name))) for name in _GTINS)
    return next((number for number in numbers if _GTIN.fullmatch(number)), "")


def _maker(node: dict[str, Any]) -> Read[str]:
    """Return the manufacturer; a plug-in's reference to the site's own organization is none."""
    makers = [
        one
        for one in listed(node.get("manufacturer"))
        if not (isinstance(one, dict) and text(one.get("@id")).endswith("#organization"))
    ]
    return text(makers) or UNREAD


def _variant_asked(node: dict[str, Any], url: str) -> dict[str, Any]:
    """Narrow a product to the variant that the page's address asks for (``?variant=123``)."""
    wanted = parse_qs(urlsplit(url).query).get("variant")
    if not wanted:
        return node
    for variant in mappings(node.get("hasVariant")):
        if any(_asks_for(link, wanted) for link in _links(variant)):
            return {**node, "hasVariant": [], **variant}
    inner = [one for offer in mappings(node.get("offers")) for one in (offer, *mappings(offer.get("offers")))]
    asked = [offer for offer in inner if _asks_for(link_of(offer.get("url")), wanted)]
    return {**node, "offers": asked} if asked else node


def _asks_for(link: str, wanted: list[str]) -> bool:
    return parse_qs(urlsplit(link).query).get("variant") == wanted


def _image(value: Any) -> Read[str]:
    for one in listed(value):
        link = text((one.get("contentUrl") or one.get("url") or one.get("@id")) if isinstance(one, dict) else one)
        if link.startswith(("http://", "https://", "/")):
            return link
    return UNREAD
