"""ornament-shop.com."""

from christmas.platforms.bigcommerce import BigCommerce


class OrnamentShopComSpider(BigCommerce):
    """Hallmark Keepsake ornaments by year.

    Source: BigCommerce (Cornerstone theme); JSON-LD on product pages, `article.card` on listings.
    Caveats: options make a price range, which is no price; a list price stands in the markup only.
    Last checked: 2026-11, against the public descriptions of its pages.
    """

    name = "ornament_shop_com"
    base_url = "https://www.ornament-shop.com"
    year_index = "/hallmark-ornaments-by-year.html"
