"""From the readers' facts to items: minor units, the vendor's own URLs, keys and aliases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from christmas.errors import NothingReadable
from christmas.items import DECLARED, UNREAD, Kind, ListingEntry, Product, Read
from christmas.reading.money import to_minor
from christmas.reading.urls import key_in_url, url_path

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal

    from christmas.items import Page
    from christmas.platforms.integration import Integration
    from christmas.platforms.listing_progress import Listing
    from christmas.reading.facts import EntryFacts, ProductFacts


def entry(
    spider: Integration, facts: EntryFacts, listing: Listing, read_at: datetime, page: Page | None = None
) -> ListingEntry:
    """Make an item of one listing entry; its key is the platform's number, else the URL's path."""
    currency = facts.currency or spider.currency
    url = spider.own_url(facts.url)
    key, aliases = _key(spider, facts.ids, url)
    return ListingEntry(
        vendor=spider.name,
        key=key,
        url=url,
        listing=listing.path,
        release_year=listing.year,
        aliases=aliases,
        name=facts.name,
        price_minor=_minor(facts.price, currency),
        list_price_minor=_minor(facts.list_price, currency),
        currency=currency,
        availability=facts.availability,
        ranged=facts.ranged,
        source="listing",
        read_at=read_at,
        page=page,
    )


def product(
    spider: Integration, facts: ProductFacts, asked: str, fetched_url: str, page: Page | None = None
) -> Product:
    """Make an item of a product page; raise NothingReadable when the page is another product's."""
    currency = facts.currency or spider.currency
    url = spider.own_url(fetched_url)
    key, aliases = _key(spider, facts.ids, url)
    if asked.isdigit() and facts.ids and asked not in facts.ids:
        raise NothingReadable(f"{fetched_url} is the page of {key}, not of {asked}: the shop redirects it.")
    others = tuple(alias for alias in dict.fromkeys((key, *aliases)) if alias != asked)
    return Product(
        vendor=spider.name,
        key=asked,
        url=url,
        aliases=others,
        **_told(facts, currency),
        source=facts.source,
        price_source=facts.price_source,
        read_at=spider.now(),
        page=page,
    )


def _told(facts: ProductFacts, currency: str) -> dict[str, Any]:
    """Return the product's fields; amounts in minor units."""
    told: dict[str, Any] = {}
    for one in DECLARED:
        value = getattr(facts, one.public_name)
        told[one.name] = _minor(value, currency) if one.kind is Kind.AMOUNT else value
    return told | {"currency": currency}


def prices(spider: Integration, facts: ProductFacts) -> tuple[tuple[str, int | None], ...]:
    """Return what each source of a page says of the price, in minor units."""
    currency = facts.currency or spider.currency
    return tuple((source, None if price is None else to_minor(price, currency)) for source, price in facts.prices)


def _key(spider: Integration, ids: tuple[str, ...], url: str) -> tuple[str, tuple[str, ...]]:
    path = url_path(url, spider.marks)
    number = key_in_url(url, spider.marks)
    names = tuple(dict.fromkeys((*ids, *([number] if number else []), path)))
    return names[0], names[1:]


def _minor(amount: Read[Decimal], currency: str) -> Read[int]:
    return amount if amount is None or amount is UNREAD else to_minor(amount, currency)
