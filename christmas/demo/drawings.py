"""Photos of the sample shops' ornaments: drawn, each from its ornament alone."""

from __future__ import annotations

import re
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from christmas.demo.ornaments import Ornament

# Background, body, shade of the body, trim.
_PALETTES = (
    ("#f3e3d3", "#b3261e", "#7d1712", "#f6d68a"),
    ("#dfe9e2", "#1f6f50", "#12472f", "#f2c14e"),
    ("#dde6f3", "#2457b8", "#16346f", "#e8edf5"),
    ("#efe2ef", "#7b2d8e", "#4d1859", "#f0b7d2"),
    ("#e0efef", "#0f7c86", "#074c53", "#ffe3a3"),
    ("#f6ead0", "#c9822b", "#8a5410", "#fff4dc"),
    ("#f7e0e4", "#c2476b", "#842643", "#ffe9ee"),
    ("#e4e8f2", "#34457e", "#1b2650", "#f8cdd4"),
)
# By a word of the name; what none of them names gets any of the others.
_SHAPES = {
    "bell": "M160 78c38 0 50 30 52 66 1 22 9 30 18 40v10H90v-10c9-10 17-18 18-40 2-36 14-66 52-66z",
    "star": "M160 74l19 44 48 5-36 32 11 47-42-25-42 25 11-47-36-32 48-5z",
    "house": "M160 74l66 52h-14v70H108v-70H94z",
    "tree": "M160 74l34 44h-14l34 40h-18l32 38H92l32-38h-18l34-40h-14z",
    "heart": "M160 204c-44-34-66-58-66-88 0-38 46-46 66-16 20-30 66-22 66 16 0 30-22 54-66 88z",
    "drop": "M160 74c10 30 56 52 56 84 0 28-26 46-56 46s-56-18-56-46c0-32 46-54 56-84z",
    "ball": "M160 78a62 62 0 1 1 0 124a62 62 0 1 1 0-124z",
}
_NAMED = {
    "bell": "bell", "star": "star", "houses": "house", "lodge": "house", "window": "house", "chimney": "house",
    "wreath": "tree", "mistletoe": "tree", "love": "heart", "together": "heart",
}  # fmt: skip
_OTHERS = ("ball", "ball", "drop", "tree", "star", "bell", "heart")
_PATTERNS = (
    '<path d="M80 118q20-16 40 0t40 0 40 0 40 0M80 170q20-16 40 0t40 0 40 0 40 0" stroke-width="7"/>',
    '<path d="M80 120l16-14 16 14 16-14 16 14 16-14 16 14 16-14 16 14 16-14 16 14M80 178h160" stroke-width="5"/>',
    '<path d="M80 106h160M80 178h160" stroke-width="9"/><path d="M80 116h160M80 168h160" stroke-width="2"/>',
    '<path d="M112 104v.1m24-6v.1m24 0v.1m24 0v.1m24 6v.1M112 182v.1m24 6v.1m24 0v.1m24 0v.1m24-6v.1" '
    'stroke-width="11"/>',
    '<path d="M96 220L128 70m0 150L160 70m0 150L192 70m0 150L224 70" stroke-width="4"/>',
)


def drawing(one: Ornament) -> str:
    """Return an SVG of an ornament: the same for the same ornament."""
    random = Random(f"{one.number} {one.title}")  # noqa: S311  # made-up goods, not secrets
    back, body, shade, trim = random.choice(_PALETTES)
    words = re.findall(r"[a-z]+", one.title.lower())
    shape = _SHAPES[next((_NAMED[word] for word in words if word in _NAMED), random.choice(_OTHERS))]
    turn = random.randrange(-7, 8)
    snow = "".join(
        f'<circle cx="{random.randrange(8, 312)}" cy="{random.randrange(8, 232)}" r="{random.choice((2, 3, 4))}"/>'
        for _ in range(12)
    )
    part = re.search(r'\d+(?![\d"])', one.title)
    number = f"#{part[0]}" if part else f"'{one.year % 100:02}"
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 240" width="640" height="480">'
        f'<defs><radialGradient id="b" cx=".36" cy=".3" r=".85"><stop offset="0" stop-color="{trim}"/>'
        f'<stop offset=".25" stop-color="{body}"/><stop offset="1" stop-color="{shade}"/></radialGradient>'
        f'<clipPath id="c"><path d="{shape}"/></clipPath></defs>'
        f'<rect width="320" height="240" fill="{back}"/><g fill="#fff" opacity=".8">{snow}</g>'
        f'<g transform="rotate({turn} 160 0)"><path d="M160-20V58" stroke="{shade}" stroke-width="2.5"/>'
        f'<path d="M160 52c-8-20-38-22-34-6 3 12 22 11 34 6 12 5 31 6 34-6 4-16-26-14-34 6z" fill="none" '
        f'stroke="{shade}" stroke-width="6" stroke-linejoin="round"/>'
        f'<rect x="150" y="58" width="20" height="22" rx="4" fill="{trim}" stroke="{shade}" stroke-width="2"/>'
        f'<path d="{shape}" fill="url(#b)" stroke="{shade}" stroke-width="2.5" stroke-linejoin="round"/>'
        f'<g clip-path="url(#c)" fill="none" stroke="{trim}" stroke-linecap="round" opacity=".9">'
        f"{random.choice(_PATTERNS)}</g>"
        f'<ellipse cx="160" cy="145" rx="31" ry="21" fill="{trim}" stroke="{shade}" stroke-width="2.5"/>'
        f'<text x="160" y="153" text-anchor="middle" font-family="Georgia,serif" font-size="23" font-weight="700" '
        f'fill="{shade}">{number}</text></g></svg>\n'
    )
