"""The state of one sample shop: what it sells, for how much, and what a correct reader must end with."""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any
from zlib import crc32

from christmas.demo.ornaments import LAST_YEAR, ornament, years_of
from christmas.items import Availability

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

    from christmas.demo.breakages import Breakage
    from christmas.demo.faults import Fault
    from christmas.demo.ornaments import Ornament


@dataclass(frozen=True, slots=True)
class Offer:
    """One ornament in one shop; amounts in US cents. ``key`` is the platform's own number, as text."""

    number: int
    key: str
    path: str
    name: str
    sku: str
    release_year: int
    price_minor: int | None
    price_min_minor: int | None
    price_max_minor: int | None
    list_price_minor: int | None
    availability: Availability


@dataclass(frozen=True, slots=True)
class Hit:
    """One request that a shop answered: ``at`` is monotonic seconds, ``connection`` counts the shop's connections."""

    at: float
    path: str
    status: int
    user_agent: str
    connection: int


@dataclass(frozen=True, slots=True)
class Kind:
    """What tells one shop from another: its platform, its share of the ornaments, how it prices and names them."""

    vendor: str
    platform: str
    generations: tuple[str, ...]
    year_index: str
    first_key: int
    price_percent: int
    marks_boxes: bool = False
    has_ranges: bool = False


KINDS = (
    Kind("hallmark_ornaments_com", "shift4shop", ("2026", "2015", "2018", "2023"),
         "/Hallmark-Ornaments-By-Year_c_200.html", 20_000, 100),
    Kind("hookedonhallmark_com", "shift4shop", ("2023", "2015", "2018", "2026"),
         "/keepsake-hallmark-ornaments-by-year.html", 4_000, 85, marks_boxes=True),
    Kind("ornament_shop_com", "bigcommerce", ("json-ld", "microdata"),
         "/hallmark-ornaments-by-year.html", 1_000, 130, has_ranges=True),
)  # fmt: skip


_CHANGEABLE = {"price_minor", "list_price_minor", "availability"}


@dataclass
class Shop:
    """One shop; everything may be changed while it is being read."""

    kind: Kind
    size: int
    seed: int
    per_page: int = 12
    generation: str = ""
    robots: str = "User-agent: *\nDisallow: /cart.php\nDisallow: /checkout\n"
    base_url: str = ""
    scripted: bool = False  # product pages are put together by a script in the visitor's browser
    requests: list[Hit] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    breakage: Breakage | None = None
    delay_seconds: float = 0.0  # before each answer
    waits: bool = False  # while this is true
    connections: int = 0
    asked: int = 0  # requests that came in, answered or not
    in_flight: int = 0
    in_flight_max: int = 0
    _changes: dict[int, dict[str, Any]] = field(default_factory=dict)
    _removed: set[int] = field(default_factory=set)
    _added: dict[int, range] = field(default_factory=dict)  # ornaments by a release year that came later
    _sale_percent: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.generation = self.generation or self.kind.generations[0]
        self.years = years_of(self.size)
        # The shops' catalogues overlap by two thirds; a shop of a further kind sells what the first one does.
        self.first = (KINDS.index(self.kind) if self.kind in KINDS else 0) * (self.size // 6)

    @property
    def vendor(self) -> str:
        """The vendor whose shop this stands for."""
        return self.kind.vendor

    def set_generation(self, name: str) -> None:
        """Switch the template generation; raise ValueError naming the known ones."""
        if name not in self.kind.generations:
            raise ValueError(
                f"{self.vendor} has no generation {name!r}: use one of {', '.join(self.kind.generations)}."
            )
        self.generation = name

    def numbers(self, year: int | None = None) -> Sequence[int]:
        """Return the ornaments sold, of one release year or all, in the shop's order."""
        start, step = self.first, 1
        if year is not None:
            step = self.years
            start += (LAST_YEAR - year - self.first) % step
        # A range as long as it may be: a page of a shop of a million must not cost a walk through it.
        listed: Sequence[int] = range(start, self.first + self.size, step)
        if year in self._added:
            listed = self._added[year]
        elif year is None and self._added:
            listed = [*listed, *chain.from_iterable(self._added.values())]
        return [n for n in listed if n not in self._removed] if self._removed else listed

    def release_years(self) -> list[int]:
        """Return the release years, the newest first."""
        return [*sorted(self._added, reverse=True), *(LAST_YEAR - offset for offset in range(self.years))]

    def offer(self, number: int) -> Offer:
        """Return the current offer of one ornament."""
        offer = _offer(self.kind, self.ornament(number), self.seed)
        changed = self._changes.get(number)
        offer = replace(offer, **changed) if changed else offer
        return _on_sale(offer, self._sale_percent) if self._sale_percent else offer

    def ornament(self, number: int) -> Ornament:
        """Return the ornament of a number, with the release year that this shop sells it under."""
        one = ornament(number, self.seed, self.years)
        added = next((year for year, numbers in self._added.items() if number in numbers), None)
        return one if added is None else replace(one, year=added)

    def shown(self, number: int) -> Offer:
        """Return what listings and product pages show of one ornament: its offer, unless the shop is broken."""
        offer = self.offer(number)
        return self.breakage.offer(offer) if self.breakage and self.breakage.offer else offer

    def number_of_key(self, key: str) -> int | None:
        """Return the ornament sold under a key; None where there is none."""
        if not key.isdigit():
            return None
        number = int(key) - self.kind.first_key
        sold = (range(self.first, self.first + self.size), *self._added.values())
        known = any(number in numbers for numbers in sold) and number not in self._removed
        return number if known else None

    def _sold(self, key: str) -> int:
        number = self.number_of_key(key)
        if number is None:
            raise KeyError(key)
        return number

    def truth(self) -> dict[str, Offer]:
        """Return every offer by its key."""
        return {offer.key: offer for offer in map(self.offer, self.numbers())}

    def change(self, key: str, **values: Any) -> None:
        """Change ``price_minor``, ``list_price_minor`` or ``availability`` of one offer.

        A price given is the one price: a range and, where the price is None (call for price), a list price end.
        Raise KeyError for a key that is not sold, TypeError for another field.
        """
        number = self._sold(key)
        if unknown := values.keys() - _CHANGEABLE:
            raise TypeError(f"An offer has no changeable {', '.join(sorted(unknown))}.")
        if "price_minor" in values:
            values |= {"price_min_minor": None, "price_max_minor": None}
            values |= {"list_price_minor": None} if values["price_minor"] is None else {}
        with self._lock:
            self._changes[number] = self._changes.get(number, {}) | values

    def change_some(self, random: Random, count: int) -> list[str]:
        """Change price or stock of ``count`` offers that have a price; return their keys."""
        offers = [offer for offer in map(self.offer, self.numbers()) if offer.price_minor]
        chosen = random.sample(offers, min(count, len(offers)))
        for place, offer in enumerate(chosen):
            price = offer.price_minor or 0
            if place % 3 == 2:
                sold_out = offer.availability is Availability.OUT_OF_STOCK
                stock = Availability.IN_STOCK if sold_out else Availability.OUT_OF_STOCK
                self.change(offer.key, availability=stock)
                continue
            price = price + 200 if place % 3 else max(price - 150, 99)
            former = price + 500 if offer.list_price_minor else None
            self.change(offer.key, price_minor=price, list_price_minor=former)
        return [offer.key for offer in chosen]

    def remove(self, key: str) -> None:
        """Remove one offer: its page answers 404 and no listing names it."""
        number = self._sold(key)
        with self._lock:
            self._removed = self._removed | {number}  # a new set: the server may be walking through the old one

    def sale(self, percent: int) -> None:
        """Reduce every price by ``percent``, with the old one as list price; 0 ends the sale.

        Raise ValueError for less than 0 and for more than 99.
        """
        if not 0 <= percent < 100:
            raise ValueError(f"A sale of {percent} % is none: use 0 to 99.")
        self._sale_percent = percent

    def add_year(self, year: int, count: int) -> None:
        """Sell ``count`` further ornaments of a release year behind the newest; raise ValueError for any other."""
        newest = self.release_years()[0]
        if year <= newest:
            raise ValueError(f"{year} is no new year here: the newest is {newest}.")
        start = self.first + self.size + sum(map(len, self._added.values()))
        self._added = self._added | {year: range(start, start + count)}

    def sell_out_year(self, year: int) -> None:
        """Mark every offer of a release year as sold out."""
        for number in self.numbers(year):
            self.change(self.offer(number).key, availability=Availability.OUT_OF_STOCK)

    def delist(self, share: float, random: Random) -> list[str]:
        """Remove a share (0 to 1) of the offers; return their keys."""
        numbers = self.numbers()
        keys = [self.offer(number).key for number in random.sample(numbers, int(len(numbers) * share))]
        for key in keys:
            self.remove(key)
        return keys

    def fault(self, fault: Fault) -> None:
        """Make future requests fail; each takes the first fault that matches and is not used up."""
        with self._lock:
            self.faults.append(fault)

    def take_fault(self, path: str) -> Fault | None:
        """Return the fault for a request, and count it."""
        with self._lock:
            for fault in self.faults:
                if fault.times > 0 and re.search(fault.pattern, path):
                    fault.times -= 1
                    return fault
        return None

    def clear(self) -> None:
        """Forget the requests and faults so far."""
        with self._lock:
            self.requests.clear()
            self.faults.clear()


def slug(name: str) -> str:
    """Return a name as part of a URL."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def repriced(offer: Offer, change: Callable[[int], int]) -> Offer:
    """Return an offer with every amount changed, in cents."""
    amounts = ("price_minor", "price_min_minor", "price_max_minor", "list_price_minor")
    changed: dict[str, Any] = {name: change(amount) for name in amounts if (amount := getattr(offer, name)) is not None}
    return replace(offer, **changed)


def _on_sale(offer: Offer, percent: int) -> Offer:
    reduced = repriced(offer, lambda minor: minor * (100 - percent) // 100)
    return replace(reduced, list_price_minor=offer.price_minor)


def _offer(kind: Kind, one: Ornament, seed: int) -> Offer:
    number = one.number
    chance = crc32(f"{kind.vendor}{seed}{number}".encode())
    name, sku = f"{one.year} {one.title}", one.sku
    if kind.marks_boxes and number % 9 == 0:
        mark = ("NB", "DB", "SDB")[number // 9 % 3]
        name, sku = f"{name} {mark}", f"{sku}{mark}"
    age_percent = 100 + (LAST_YEAR - one.year) * 4
    price: int | None = one.retail_minor * kind.price_percent * age_percent // 10_000 + chance % 500
    low = high = former = None
    if kind.has_ranges and number % 97 == 5:
        low, high, price = price, (price or 0) + 700, None
    elif kind.has_ranges and number % 101 == 7:
        price = None
    elif number % 7 == 3:
        former = (price or 0) * 14 // 10
    stock = Availability.OUT_OF_STOCK if chance % 100 < 15 else Availability.IN_STOCK
    if kind.platform == "bigcommerce" and one.year >= LAST_YEAR and number % 2:
        stock = Availability.PREORDER
    elif kind.platform == "shift4shop" and chance % 100 > 96:
        stock = Availability.LOW_STOCK
    key = str(kind.first_key + number)
    if kind.platform == "bigcommerce":
        path = f"/{slug(name)}-{number}/"
    else:
        path = f"/{re.sub(r'[^A-Za-z0-9]+', '-', name).strip('-')}_p_{key}.html"
    return Offer(number, key, path, name, sku, one.year, price, low, high, former, stock)


def money(minor: int) -> str:
    """Format cents as a shop does: ``$1,249.50``."""
    return f"${minor // 100:,}.{minor % 100:02}"


def plain(minor: int) -> str:
    """Format cents as structured data does: ``1249.50``."""
    return f"{minor // 100}.{minor % 100:02}"
