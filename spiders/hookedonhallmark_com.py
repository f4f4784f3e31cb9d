"""hookedonhallmark.com."""

from christmas.platforms.shift4shop import Shift4Shop


class HookedonhallmarkComSpider(Shift4Shop):
    """Hallmark Keepsake ornaments, new and from collections, many without box.

    Source: Shift4Shop; microdata and `_3d_item` on product pages, `.product-item` on listings.
    Caveats: a piece without or with a damaged box is a product of its own (NB, DB, SDB behind SKU and name).
    Last checked: 2026-11, against the public descriptions of its pages; 6,689 products in 2020.
    """

    name = "hookedonhallmark_com"
    base_url = "https://www.hookedonhallmark.com"
    year_index = "/keepsake-hallmark-ornaments-by-year.html"
