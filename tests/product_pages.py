"""Small product pages for tests, and how they are read."""

from __future__ import annotations

import json
from typing import Any

from christmas.reading.facts import ProductFacts
from tests.readers import read_product, read_product_fully

URL = "https://shop.example/1998-frosty-friends/"
OFFER = {"@type": "Offer", "price": "24.95", "priceCurrency": "USD", "availability": "https://schema.org/InStock"}
PRODUCT = {"@context": "https://schema.org", "@type": "Product", "name": "1998 Frosty Friends", "sku": "QX6226"}


def ld(*values: Any) -> str:
    return "".join(f'<script type="application/ld+json">{json.dumps(value)}</script>' for value in values)


def html(*parts: str) -> bytes:
    return f"<!DOCTYPE html><html><head><title>Shop</title></head><body>{''.join(parts)}</body></html>".encode()


def read(*parts: str, url: str = URL) -> ProductFacts:
    """Read by both ways; they must agree."""
    body = html(*parts)
    fully, quickly = read_product_fully(body, url), read_product(body, url)
    if not fully.disagreements:  # only the full path compares the sources
        assert quickly == fully
    return fully


def prices(facts: ProductFacts) -> list[str | None]:
    told = (facts.price, facts.price_min, facts.price_max, facts.list_price)
    return [str(value) if value else None for value in told]


def offered(**values: Any) -> dict[str, Any]:
    return PRODUCT | {"brand": "Hallmark", "image": "https://i/1.jpg", "offers": OFFER | values}


WAS = '<span data-product-non-sale-price-without-tax class="price price--non-sale">{}</span>'
RETAIL = '<span data-product-rrp-price-without-tax class="price price--rrp">{}</span>'
NOW = "<span data-product-price-without-tax>{}</span>"


def view(*parts: str) -> str:
    return f'<div class="productView"><h1 class="productView-title">1998 Frosty Friends</h1>{"".join(parts)}</div>'
