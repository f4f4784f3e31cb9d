"""What the fast path asks of a page's bytes: whether its markup may tell what JSON-LD did not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from christmas.items import UNREAD
from christmas.reading.identity import read_name

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from christmas.reading.facts import ProductFacts
    from christmas.reading.marks import Marks

# Plain searches: a pattern of alternatives over the whole page costs a millisecond.
_IN_MARKUP = {
    "brand": (b"og:brand",),
    "image_url": (b"og:image",),
    "release_year": (b"releaseDate", b"productionDate"),
    "list_price": (b"standard_amount",),
}
_IN_META = {
    "sku": (b"retailer_item_id",),
    "brand": (b"product:brand",),
    "gtin": (b"product:upc", b"product:ean", b"product:gtin"),
    "list_price": (b"sale_price:amount", b"original_price:amount"),
}
_GTINS = (b"gtin", b"upc", b'"ean', b"'ean", b"=ean")


def markup_may_tell_more(facts: ProductFacts, body: bytes, marks: Sequence[Marks] = ()) -> bool:
    """Return whether a page's bytes hold marks of what ``facts`` of its JSON-LD leave open, so that a DOM is needed."""
    fields = ["sku", "brand", "image_url", "gtin", "list_price"]
    unread = [name for name in fields if getattr(facts, name) is UNREAD]
    if facts.release_year is UNREAD and read_name(str(facts.name)).release_year is None:
        unread.append("release_year")
    sources = [_IN_MARKUP, *(one.quick.more for one in marks)]
    if b"product:" in body:
        sources.append(_IN_META)
    wanted = (mark for source in sources for name in unread for mark in source.get(name, ()))
    return any(_is_in(mark, body) for mark in wanted) or (b"itemprop" in body and _microdata_may_tell(unread, body))


def _is_in(mark: bytes | re.Pattern[bytes], body: bytes) -> bool:
    return mark in body if isinstance(mark, bytes) else mark.search(body) is not None


def _microdata_may_tell(unread: list[str], body: bytes) -> bool:
    return (
        bool({"sku", "brand", "image_url"} & set(unread))
        or ("gtin" in unread and any(mark in body for mark in _GTINS))
        or ("list_price" in unread and (b"priceSpecification" in body or b"<del" in body))
    )
