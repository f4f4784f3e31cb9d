"""A made-up catalogue of plausible ornaments: any number of them, each computed from its number alone."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

LAST_YEAR = 2026
FIRST_YEAR = 1973
_SERIES = (
    "Frosty Friends", "Rocking Horse", "Tin Locomotive", "Mary's Angels", "Here Comes Santa", "Puppy Love",
    "Nostalgic Houses & Shops", "Snowtop Lodge", 'Cooking with "Mrs. Claus"', "Café Lumière", "Star Voyagers™",
    "Kiddie Car Classics",
)  # fmt: skip
_WHO = (
    "Betsey", "Santa's Helper", "Snow Mouse", "Gingerbread Baker", "Little Drummer", "Penguin Postman", "Noël Bell",
    "Yarn Snowman", "Old-World Angel", "Christmas Goose", "Sugarplum Fairy", "Skating Bear", "Owl & Lantern",
)  # fmt: skip
_WHAT = (
    "with Candy Cane", "on Sled", "in the Chimney", "and Holly Wreath", "(Adorable)", "at the Window", "Going Home",
    "- First Christmas Together", "with 3\" Bell", "under the Mistletoe", "& Friends", "by Starlight",
)  # fmt: skip
_PREFIXES = ("QX", "QXI", "QXG", "QLX", "QHX", "QXM")


@dataclass(frozen=True, slots=True)
class Ornament:
    """One collectible; ``retail_minor`` is what it cost when new, in cents."""

    number: int
    year: int
    title: str
    sku: str
    retail_minor: int


def years_of(size: int) -> int:
    """Return over how many release years a catalogue is spread: about 25 ornaments a year, at most all years."""
    return min(max(size // 25, 2), LAST_YEAR - FIRST_YEAR + 1)


def ornament(number: int, seed: int, years: int) -> Ornament:
    """Return one ornament; the same for the same arguments."""
    random = Random(seed * 1_000_003 + number)  # noqa: S311  # made-up goods, not secrets
    year = LAST_YEAR - number % years
    if random.random() < 0.4:
        part = random.randrange(1, 30)
        series = random.choice(_SERIES)
        title = f"{series} #{part}" if part % 2 else f"{series}, {_ordinal(part)} in Series"
    else:
        title = f"{random.choice(_WHO)} {random.choice(_WHAT)}"
    retail = random.choice((795, 995, 1295, 1495, 1795, 1999, 2495, 3299, 3799))
    sku = f"{random.choice(_PREFIXES)}{1000 + number}"
    return Ornament(number, year, title, f"{retail}{sku}" if random.random() < 0.1 else sku, retail)


def _ordinal(number: int) -> str:
    if number % 100 in {11, 12, 13}:
        return f"{number}th"
    return f"{number}{ {1: 'st', 2: 'nd', 3: 'rd'}.get(number % 10, 'th') }"
