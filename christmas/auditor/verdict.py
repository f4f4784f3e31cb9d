"""How a vendor is, judged by one run and those before it: the first rule that fits names what is wrong.

A share of few is chance: rules need a minimum of pages or products. What a run could not see is no news.
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from christmas.auditor.run_facts import FIELDS, total

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

STATES = ("healthy", "degraded", "broken", "blocked", "unreachable")
# In these, nothing that was read of known products is believed.
DISBELIEVED = frozenset({"broken", "blocked", "unreachable"})

FEW_PAGES, FEW_PRODUCTS = 5, 20
HALF, MOST, ALMOST_ALL = 0.5, 0.8, 0.9
# A share counts as lost when it was above the first and is below the second.
USUAL, RARE = 0.6, 0.2
SERVER_ERRORS_SHARE = 0.15
CUT_SHARE = 0.2
BLOCKED_SHARE = 0.2
LEFT_OF_LISTINGS = LEFT_OF_INDEX = 2 / 3
# Of one release year, half must move, and they must be a tenth of all the vendor has.
SHARE_OF_VENDOR = 0.1
SLOWER, SLOWER_SECONDS = 5.0, 0.05


@dataclass(frozen=True, slots=True)
class Verdict:
    """The state, what is wrong in a word (None while healthy), and a sentence."""

    state: str
    kind: str | None
    reason: str

    @property
    def disbelieved(self) -> bool:
        """Whether known products are left as they are."""
        return self.state in DISBELIEVED


@dataclass(frozen=True, slots=True)
class Run:
    """The facts of a run (see ``facts`` and ``moves``), how it ended, and the facts of earlier healthy runs.

    ``accepted``: an operator has said that the vendor is as it should be, so that even many moves are believed.
    """

    facts: Mapping[str, Any]
    finish_reason: str
    history: list[dict[str, Any]]
    jump_factor: float
    accepted: bool = False

    def of(self, name: str) -> int:
        """Return one number of the run."""
        return int(self.facts.get(name) or 0)

    @property
    def compared(self) -> int:
        """How many known products were read."""
        return self.of("compared")

    @property
    def tried(self) -> int:
        """How many pages were asked for."""
        return sum(self.of(name) for name in ("read", "unreadable", "blocked", "failed", "missing"))

    @property
    def narrow(self) -> bool:
        """Whether the run read one release year only: all of a year may well be sold out, or cost the same."""
        return bool(self.facts.get("narrow"))

    def moved(self, name: str, share: float = HALF, *, even_if_accepted: bool = False) -> bool:
        """Return whether a large part of what was compared moved in one way; of one year, also a part of the vendor."""
        if self.accepted and not even_if_accepted:
            return False
        count = self.of(name)
        enough = max(FEW_PRODUCTS, SHARE_OF_VENDOR * self.of("known_products") if self.narrow else 0)
        return count >= enough and count >= share * self.compared

    def was(self, part: str, whole: str) -> float | None:
        """Return the usual share; None where too little is known."""
        base = total(self.history, whole)
        return None if base < FEW_PRODUCTS else total(self.history, part) / base

    def lost(self, part: str, whole: str) -> bool:
        """Return whether a usual share has become rare."""
        before = self.was(part, whole)
        return (
            before is not None
            and before >= USUAL
            and self.of(whole) >= FEW_PRODUCTS
            and self.of(part) <= RARE * self.of(whole)
        )

    def gained(self, part: str, whole: str) -> bool:
        """Return whether a rare share has become the larger half."""
        usual = self.was(part, whole)
        many = self.of(whole) >= FEW_PRODUCTS and self.of(part) >= HALF * self.of(whole)
        return many and usual is not None and usual < RARE


def judge(run: Run) -> Verdict:
    """Return the health that a run shows."""
    for rule in _RULES:
        if found := rule(run):
            return found
    return Verdict("healthy", None, "The last run read what earlier ones did.")


_LISTING_KINDS = {"listings_unreadable", "listings_shrunk", "paging_loops", "first_page_only", "names_shifted"}
_PAGE_KINDS = {"challenge_on_products", "products_redirect", "products_unreadable"}
_COMPARED_KINDS = {
    "currency_changed", "prices_became_ranges", "prices_all_equal", "prices_scaled", "prices_missing", "all_sold_out"
}  # fmt: skip


def still(kind: str | None, run: Run) -> bool:
    """Return whether what was wrong before may still be: a healthy run that could not see it is no proof."""
    if kind is None:
        return False
    if kind.startswith("index_"):
        return not run.of("index_links")
    if kind in _LISTING_KINDS:
        return not run.of("listings_read")
    if kind in _PAGE_KINDS:
        return run.of("product_pages") < FEW_PAGES
    if kind.endswith("_lost"):
        return run.of("product_pages") < FEW_PRODUCTS
    if kind == "bodies_cut":
        return run.of("read") < FEW_PRODUCTS and run.of("unclosed") >= HALF * run.of("read")
    return kind in _COMPARED_KINDS and (run.compared < FEW_PRODUCTS or _moves_on(kind, run))


_MOVES = {
    "currency_changed": "currency_moves", "prices_scaled": "price_moves", "prices_missing": "unpriced_moves",
    "all_sold_out": "sold_out_moves",
}  # fmt: skip


def _moves_on(kind: str, run: Run) -> bool:
    """Return whether most of what was read still moves so, of a part of the vendor too small for the rule."""
    return kind in _MOVES and run.of(_MOVES[kind]) >= HALF * run.compared


def _blocked(run: Run) -> Verdict | None:
    count = run.of("blocked")
    if run.finish_reason == "blocked" or (count > 1 and count >= BLOCKED_SHARE * run.tried):
        kind = "challenge_on_products" if run.of("blocked_products") >= HALF * count else "challenge"
        return Verdict("blocked", kind, f"{count} of {run.tried} pages were answered with a bot challenge.")
    return None


def _not_found(run: Run) -> Verdict | None:
    count, answers = run.of("not_found"), run.of("answers")
    if run.facts.get("audit") or run.of("read"):
        return None
    enough = FEW_PAGES if run.of("missing") else 2
    if count >= enough and count >= MOST * (answers - 1):  # robots.txt may be there still
        return Verdict("broken", "not_found", f"The shop has none of its pages any more: {count} answers were 404.")
    return None


def _cut(run: Run) -> Verdict | None:
    count, attempts = run.of("cut"), run.of("attempts")
    if count > 1 and count >= CUT_SHARE * attempts:
        return Verdict("broken", "bodies_cut", f"{count} of {attempts} answers broke off before their end.")
    open_, pages = run.of("unclosed"), run.of("read") + run.of("unreadable")
    if open_ >= FEW_PAGES and run.gained("unclosed", "read"):
        return Verdict("broken", "bodies_cut", f"{open_} of {pages} pages end before their end.")
    return None


def _unreachable(run: Run) -> Verdict | None:
    failed = run.of("failed")
    answered = run.of("read") + run.of("unreadable") + run.of("missing")
    away = failed >= FEW_PAGES or (failed and run.of("index_failed"))
    if run.finish_reason == "unavailable" or (away and not answered):
        return Verdict("unreachable", "unreachable", f"The shop gave no page: {failed or 'all'} failed.")
    return None


def _server_errors(run: Run) -> Verdict | None:
    count, attempts = run.of("server_errors"), run.of("attempts")
    if count >= FEW_PAGES and count >= SERVER_ERRORS_SHARE * attempts:
        return Verdict("degraded", "server_errors", f"{count} of {attempts} answers were server errors (5xx).")
    return None


def _index(run: Run) -> Verdict | None:
    if run.of("index_unreadable"):
        return Verdict("broken", "index_unreadable", "The year index names no listing.")
    links, known = run.of("index_links"), run.of("known_listings")
    if links and links < LEFT_OF_INDEX * known:
        return Verdict("broken", "index_shrunk", f"The year index names {links} listings, and {known} were known.")
    return None


def _listings_unreadable(run: Run) -> Verdict | None:
    bad, pages = run.of("listing_unreadable"), run.of("listing_pages")
    if bad > 1 and bad >= HALF * pages:
        return Verdict("broken", "listings_unreadable", f"{bad} of {pages} listing pages are unreadable: new layout?")
    return None


def _products_unreadable(run: Run) -> Verdict | None:
    pages, bad, away = (run.of(name) for name in ("product_pages", "product_unreadable", "redirected"))
    if run.facts.get("audit") and not bad:
        return None
    if away >= FEW_PAGES and away >= HALF * pages:
        return Verdict("broken", "products_redirect", f"{away} of {pages} product pages led to another page.")
    if bad >= FEW_PAGES and bad >= HALF * pages:
        return Verdict("broken", "products_unreadable", f"{bad} of {pages} product pages are unreadable: new layout?")
    return None


def _listings_shrunk(run: Run) -> Verdict | None:
    before, now = run.of("listed_before"), run.of("listed_now")
    if run.of("listings_read") < 2 or before < FEW_PRODUCTS or now >= LEFT_OF_LISTINGS * before:
        return None  # one that shrinks by itself counts as not read anyway
    listed = f"{now} products are listed where {before} were"
    if run.of("listings_looped"):
        return Verdict("broken", "paging_loops", f"Pages of the listings lead back to each other: {listed}.")
    if run.of("listings_paged") == 0:
        return Verdict("broken", "first_page_only", f"No listing has a second page any more: {listed}.")
    return Verdict("broken", "listings_shrunk", f"The listings lost more than a third: {listed}.")


def _loops(run: Run) -> Verdict | None:
    looped, read = run.of("listings_looped"), run.of("listings_read")
    if looped > 1 and looped >= HALF * read and not total(run.history, "listings_looped"):
        return Verdict("broken", "paging_loops", f"The pages of {looped} of {read} listings lead back to each other.")
    return None


def _names(run: Run) -> Verdict | None:
    taken, moves = run.of("names_taken"), run.of("name_moves")
    if run.moved("name_moves") and taken >= HALF * moves:
        return Verdict("broken", "names_shifted", f"{taken} products of the listings have the names of others.")
    return None


def _prices(run: Run) -> Verdict | None:
    compared = f"of {run.compared} products"
    if run.moved("currency_moves"):
        return Verdict("broken", "currency_changed", f"The currency of {run.of('currency_moves')} {compared} changed.")
    for part, whole in (("ranges", "products"), ("entry_ranges", "entries")):
        if run.gained(part, whole):
            reason = f"{run.of(part)} of {run.of(whole)} {whole} show a range and no price."
            return Verdict("broken", "prices_became_ranges", reason)
    usual = run.was("top_price", "priced")
    equal, priced = run.of("top_price"), run.of("priced")
    even = priced >= FEW_PRODUCTS and equal >= ALMOST_ALL * priced and not run.narrow
    if even and usual is not None and usual < HALF:
        return Verdict("broken", "prices_all_equal", f"{equal} of {priced} prices are the same.")
    # A clearance may cost a quarter; what is beyond the square of the factor of single prices is no price of a shop's.
    ratio, most = run.facts.get("price_ratio"), run.jump_factor**2
    if ratio and run.moved("price_moves") and not 1 / most <= ratio <= most:
        reason = f"The prices of {run.of('price_moves')} {compared} are {ratio:g} times what they were."
        return Verdict("broken", "prices_scaled", reason)
    if run.moved("unpriced_moves"):
        return Verdict("broken", "prices_missing", f"{run.of('unpriced_moves')} {compared} have no price any more.")
    if run.of("contradicted"):
        return Verdict(
            "broken", "prices_contradicted", f"{run.of('contradicted')} held prices are not what the product pages say."
        )
    return None


def _sold_out(run: Run) -> Verdict | None:
    if run.moved("sold_out_moves"):
        return Verdict(
            "broken", "all_sold_out", f"{run.of('sold_out_moves')} of {run.compared} products sold out in one run."
        )
    return None


def _sources(run: Run) -> Verdict | None:
    if run.lost("structured", "products"):
        reason = f"{run.of('structured')} of {run.of('products')} product pages have structured data, as most had."
        return Verdict("degraded", "structured_data_lost", reason)
    if run.lost("structured_prices", "products"):
        reason = "The structured data of product pages names no price any more; prices are read from the markup."
        return Verdict("degraded", "structured_price_lost", reason)
    return None


def _fields(run: Run) -> Verdict | None:
    flat = [_flat(facts) for facts in run.history]
    now = Run(_flat(run.facts), run.finish_reason, flat, run.jump_factor)
    for name in FIELDS:
        if now.lost(name, "products") and not (run.narrow and name == "price_minor"):
            word = _word(name)
            reason = f"{now.of(name)} of {now.of('products')} product pages tell the {word}, as most did."
            return Verdict("degraded", f"{word}_lost", reason)
    return None


def _word(name: str) -> str:
    return name.removesuffix("_minor").removesuffix("_url")


def _flat(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {"products": facts.get("products"), **(facts.get("fields") or {})}


def _slow(run: Run) -> Verdict | None:
    known = [facts["latency_seconds"] for facts in run.history if facts.get("latency_seconds")]
    now = run.facts.get("latency_seconds")
    if not known or not now or run.of("answers") < FEW_PAGES:
        return None
    usual = median(known)
    if now >= SLOWER * usual and now - usual >= SLOWER_SECONDS:
        return Verdict("degraded", "slow", f"Half of the answers took over {now:.2f} s; {usual:.2f} s was usual.")
    return None


_RULES: tuple[Callable[[Run], Verdict | None], ...] = (
    _blocked, _not_found, _cut, _unreachable, _server_errors, _index, _listings_unreadable, _products_unreadable,
    _listings_shrunk, _loops, _names, _prices, _sold_out, _sources, _fields, _slow,
)  # fmt: skip
