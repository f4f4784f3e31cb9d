"""hallmarkornaments.com."""

from christmas.platforms.shift4shop import Shift4Shop


class HallmarkOrnamentsComSpider(Shift4Shop):
    """Hallmark Keepsake ornaments since 1973.

    Source: Shift4Shop; JSON-LD or microdata on product pages, `.product-item` on listings.
    Caveats: the numbers of the year pages follow no rule, so they are read from the index.
    Last checked: 2026-11, against the public descriptions of its pages; 54 year pages, 10,270 SKUs in 2020.
    """

    name = "hallmark_ornaments_com"
    base_url = "https://www.hallmarkornaments.com"
    year_index = "/Hallmark-Ornaments-By-Year_c_200.html"
