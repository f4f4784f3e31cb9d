"""Style, navigation and footer of a shop's page, about as much as real shops send."""

from __future__ import annotations

from html import escape

_STYLE = "".join(
    f".theme-{n}{{display:block;margin:{n}px;padding:{n % 7}px;color:#{n * 4099 % 0xFFFFFF:06x}}}\n" for n in range(270)
)
_FOOTER = "".join(
    f'<li class="footer-link"><a href="/pages/help-{n}.html">Shipping, returns and care, part {n}</a></li>\n'
    for n in range(150)
)


def head(title: str, extra: str = "") -> str:
    """Return everything up to the end of the head."""
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>\n'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">{extra}<style>{_STYLE}</style></head>\n'
    )


def navigation(years: list[tuple[int, str]]) -> str:
    """Return the header with its menu."""
    menu = "".join(
        f'<li class="menu-entry"><a class="menu-link" href="{path}" aria-label="Ornaments of {year}">{year}</a>'
        f"<p>Keepsakes that were new in {year}, from many collections</p></li>\n"
        for year, path in years
    )
    searches = "".join(f'<option value="{n}">Collection of cabinet {n} in the back room</option>\n' for n in range(170))
    return (
        '<header class="site-head"><form action="/search"><input name="q"><select name="in">'
        f'{searches}</select></form><div class="cart-total">$0.00</div></header><nav><ul>{menu}</ul></nav>\n'
    )


def footer() -> str:
    """Return the end of every page."""
    return f"<footer><p>Free shipping over $75.00</p><ul>{_FOOTER}</ul></footer></body></html>\n"
