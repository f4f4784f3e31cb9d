"""A vendor's year index: which listing is for which release year."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from lxml import etree

from christmas.errors import NothingReadable
from christmas.reading.challenge import raise_if_challenge
from christmas.reading.facts import YearFacts
from christmas.reading.marks import Marks, platforms
from christmas.reading.markup import absolute, parse, text_of

_IMAGE_TEXT = etree.XPath("string(.//img/@alt)")
_YEAR = re.compile(r"\s*((?:19|20)\d\d)\b")
_YEAR_IN_PATH = re.compile(r"/((?:19|20)\d\d)[-_.][^/]*/?$")


def read_year_index(body: bytes, url: str, encoding: str = "utf-8", marks: Sequence[Marks] = ()) -> list[YearFacts]:
    """Return the years in order, each once; raise NothingReadable where the page names none."""
    raise_if_challenge(body, url, marks)
    document = parse(body, encoding)
    years: dict[int, YearFacts] = {}
    for link in (link for one in marks for link in one.year_links(document)):
        target = absolute(url, link.get("href"))
        texts = (_YEAR.match(text_of(link)), _YEAR.match(_IMAGE_TEXT(link)))
        found = next(filter(None, texts), None) or _YEAR_IN_PATH.search(urlsplit(target).path)
        if found and target:
            year = int(found[1])
            years.setdefault(year, YearFacts(year, target))
    if not years:
        raise NothingReadable(f"{url} links to no year where {platforms(marks)} has such links.")
    return [years[year] for year in sorted(years)]
