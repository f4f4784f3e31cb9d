"""The readers as a vendor's spider calls them, with the marks of all platforms."""

from __future__ import annotations

from functools import partial

from christmas.platforms.known import all_marks
from christmas.reading import challenge, listing, product, scripts, selectors, urls, year_index

MARKS = all_marks()

heading = partial(selectors.heading, marks=MARKS)
key_in_url = partial(urls.key_in_url, marks=MARKS)
raise_if_challenge = partial(challenge.raise_if_challenge, marks=MARKS)
read_listing = partial(listing.read_listing, marks=MARKS)
read_product = partial(product.read_product, marks=MARKS)
read_product_fully = partial(product.read_product_fully, marks=MARKS)
read_scripts = partial(scripts.read_scripts, marks=MARKS)
read_selectors = partial(selectors.read_selectors, marks=MARKS)
read_year_index = partial(year_index.read_year_index, marks=MARKS)
url_path = partial(urls.url_path, marks=MARKS)
