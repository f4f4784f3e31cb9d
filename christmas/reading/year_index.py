"""A vendor's year index: which listing is for which release year."""

from __future__ import annotations

import re

from lxml import etree

from christmas.errors import NothingReadable
from christmas.reading.challenge import raise_if_challenge
from christmas.reading.facts import YearFacts
from christmas.reading.markup import absolute, has_class, parse, text_of

_LINKS = etree.XPath(
    f"//a[@href][{has_class('subcat')} or ancestor::*[{has_class('subcategories')}]"
    f" or ancestor::li/parent::*[{has_class('columns-5')}] or ancestor::*[{has_class('navList-item')}]]"
)
_IMAGE_TEXT = etree.XPath("string(.//img/@alt)")
_YEAR = re.compile(r"\s*((?:19|20)\d\d)\b")


def read_year_index(body: bytes, url: str, encoding: str = "utf-8") -> list[YearFacts]:
    """Give the years in order, each once; raise NothingReadable where the page names none."""
    raise_if_challenge(body, url)
    years: dict[int, YearFacts] = {}
    for link in _LINKS(parse(body, encoding)):
        found = _YEAR.match(text_of(link)) or _YEAR.match(_IMAGE_TEXT(link))
        if found:
            year = int(found[1])
            years.setdefault(year, YearFacts(year, absolute(url, link.get("href"))))
    if not years:
        raise NothingReadable(f"{url} links to no year: looked for subcat, columns-5 and navList-item links.")
    return [years[year] for year in sorted(years)]
