"""A vendor's year index: which listing is for which release year."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from lxml import etree

from christmas.errors import NothingReadable
from christmas.reading.challenge import raise_if_challenge
from christmas.reading.facts import YearFacts
from christmas.reading.markup import absolute, has_class, parse, text_of

_BLOCKS = " or ".join(has_class(name) for name in ("subcat", "subcategories", "sub-categories", "navList-item"))
_LINKS = etree.XPath(f"//a[@href][ancestor-or-self::*[{_BLOCKS}] or ancestor::li/parent::*[{has_class('columns-5')}]]")
_IMAGE_TEXT = etree.XPath("string(.//img/@alt)")
_YEAR = re.compile(r"\s*((?:19|20)\d\d)\b")
_YEAR_IN_PATH = re.compile(r"/((?:19|20)\d\d)[-_.][^/]*/?$")


def read_year_index(body: bytes, url: str, encoding: str = "utf-8") -> list[YearFacts]:
    """Return the years in order, each once; raise NothingReadable where the page names none."""
    raise_if_challenge(body, url)
    years: dict[int, YearFacts] = {}
    for link in _LINKS(parse(body, encoding)):
        target = absolute(url, link.get("href"))
        texts = (_YEAR.match(text_of(link)), _YEAR.match(_IMAGE_TEXT(link)))
        found = next(filter(None, texts), None) or _YEAR_IN_PATH.search(urlsplit(target).path)
        if found and target:
            year = int(found[1])
            years.setdefault(year, YearFacts(year, target))
    if not years:
        raise NothingReadable(f"{url} links to no year: looked for subcat, columns-5 and navList-item links.")
    return [years[year] for year in sorted(years)]
