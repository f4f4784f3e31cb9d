"""The rules of a vendor's health: each at its threshold and just short of it, and which of two is told."""

from __future__ import annotations

import re
from typing import Any

import pytest

from christmas.auditor.verdict import DISBELIEVED, STATES, Run, judge, still

JUMP = 3.0
# What earlier runs of a well vendor have read, together.
USUAL: dict[str, Any] = {
    "products": 100, "entries": 100, "read": 100, "priced": 100, "top_price": 5, "structured": 100,
    "structured_prices": 100, "latency_seconds": 0.1,
    "fields": {"sku": 100, "brand": 100, "availability": 100, "image_url": 100, "price_minor": 100},
}  # fmt: skip
# What a run of that vendor reads.
NOW = USUAL | {
    "answers": 110, "attempts": 110, "product_pages": 100, "listing_pages": 10, "listings_read": 5, "listings_paged": 5,
    "index_links": 30, "known_listings": 30, "listed_before": 90, "listed_now": 90, "compared": 100,
    "known_products": 100,
}  # fmt: skip


def a_run(finish_reason: str = "finished", history: list[dict[str, Any]] | None = None, **facts: Any) -> Run:
    return Run(NOW | facts, finish_reason, [USUAL] if history is None else history, JUMP)


def kind(run: Run) -> str | None:
    return judge(run).kind


def fields(**counts: int) -> dict[str, Any]:
    return {"fields": NOW["fields"] | counts}


# kind -> state, facts at the threshold, what of them is just short of it
AT: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    ("challenge", "blocked", {"blocked": 25, "read": 100}, {"blocked": 24}),
    ("challenge", "blocked", {"blocked": 2, "read": 0}, {"blocked": 1}),
    ("not_found", "broken", {"read": 0, "not_found": 8, "answers": 11}, {"not_found": 7}),
    ("not_found", "broken", {"read": 0, "not_found": 2, "answers": 3}, {"not_found": 1}),
    ("not_found", "broken", {"read": 0, "not_found": 2, "answers": 2}, {"not_found": 1, "answers": 1}),
    ("not_found", "broken", {"read": 0, "missing": 5, "not_found": 5, "answers": 6}, {"missing": 4, "not_found": 4}),
    ("challenge_on_products", "blocked", {"blocked": 25, "blocked_products": 13, "read": 100}, {"blocked": 24}),
    ("bodies_cut", "broken", {"cut": 22}, {"cut": 21}),
    ("bodies_cut", "broken", {"cut": 2, "attempts": 5}, {"cut": 1}),
    ("bodies_cut", "broken", {"unclosed": 50}, {"unclosed": 49}),
    ("bodies_cut", "broken", {"unclosed": 10, "read": 20}, {"read": 19}),
    ("unreachable", "unreachable", {"failed": 5, "read": 0}, {"failed": 4}),
    ("unreachable", "unreachable", {"failed": 1, "index_failed": 1, "read": 0}, {"index_failed": 0}),
    ("unreachable", "unreachable", {"failed": 9, "read": 0}, {"missing": 1}),
    ("unreachable", "unreachable", {"failed": 9, "read": 0}, {"read": 1}),
    ("unreachable", "unreachable", {"failed": 9, "read": 0}, {"unreadable": 1}),
    ("server_errors", "degraded", {"server_errors": 15, "attempts": 100}, {"server_errors": 14}),
    ("server_errors", "degraded", {"server_errors": 5, "attempts": 5}, {"server_errors": 4}),
    ("index_unreadable", "broken", {"index_unreadable": 1}, {"index_unreadable": 0}),
    ("index_shrunk", "broken", {"index_links": 19}, {"index_links": 20}),
    ("listings_unreadable", "broken", {"listing_unreadable": 5}, {"listing_unreadable": 4}),
    ("listings_unreadable", "broken", {"listing_unreadable": 2, "listing_pages": 2}, {"listing_unreadable": 1}),
    ("products_redirect", "broken", {"redirected": 50}, {"redirected": 49}),
    ("products_redirect", "broken", {"redirected": 5, "product_pages": 5}, {"redirected": 4}),
    ("products_unreadable", "broken", {"product_unreadable": 50}, {"product_unreadable": 49}),
    ("products_unreadable", "broken", {"product_unreadable": 5, "product_pages": 5}, {"product_unreadable": 4}),
    ("listings_shrunk", "broken", {"listed_now": 59}, {"listed_now": 60}),
    ("listings_shrunk", "broken", {"listed_before": 20, "listed_now": 0}, {"listed_before": 19}),
    ("first_page_only", "broken", {"listed_now": 59, "listings_paged": 0}, {"listed_now": 60}),
    ("paging_loops", "broken", {"listed_now": 59, "listings_looped": 1}, {"listed_now": 60}),
    ("paging_loops", "broken", {"listings_looped": 3}, {"listings_looped": 2}),
    ("paging_loops", "broken", {"listings_looped": 2, "listings_read": 2}, {"listings_looped": 1}),
    ("names_shifted", "broken", {"name_moves": 50, "names_taken": 25}, {"name_moves": 49}),
    ("names_shifted", "broken", {"name_moves": 60, "names_taken": 30}, {"names_taken": 29}),
    ("currency_changed", "broken", {"currency_moves": 50}, {"currency_moves": 49}),
    ("prices_became_ranges", "broken", {"ranges": 50}, {"ranges": 49}),
    ("prices_became_ranges", "broken", {"entry_ranges": 50}, {"entry_ranges": 49}),
    ("prices_became_ranges", "broken", {"entry_ranges": 20, "entries": 20}, {"entries": 19}),
    ("prices_all_equal", "broken", {"top_price": 90}, {"top_price": 89}),
    ("prices_all_equal", "broken", {"top_price": 20, "priced": 20}, {"top_price": 19, "priced": 19}),
    ("prices_scaled", "broken", {"price_moves": 50, "price_ratio": 9.1}, {"price_ratio": 9.0}),
    ("prices_scaled", "broken", {"price_moves": 50, "price_ratio": 0.11}, {"price_ratio": 0.12}),
    ("prices_scaled", "broken", {"price_moves": 50, "price_ratio": 100.0}, {"price_moves": 49}),
    ("prices_missing", "broken", {"unpriced_moves": 50}, {"unpriced_moves": 49}),
    ("prices_contradicted", "broken", {"contradicted": 1}, {"contradicted": 0}),
    ("all_sold_out", "broken", {"sold_out_moves": 50}, {"sold_out_moves": 49}),
    ("all_sold_out", "broken", {"sold_out_moves": 20, "compared": 20}, {"sold_out_moves": 19}),
    (
        "all_sold_out",
        "broken",
        {"sold_out_moves": 600, "compared": 600, "known_products": 10_000},
        {"sold_out_moves": 299},
    ),
    ("all_sold_out", "broken", {"sold_out_moves": 60, "known_products": 600, "narrow": True}, {"known_products": 601}),
    ("structured_data_lost", "degraded", {"structured": 20}, {"structured": 21}),
    ("structured_price_lost", "degraded", {"structured_prices": 20}, {"structured_prices": 21}),
    ("sku_lost", "degraded", fields(sku=20), fields(sku=21)),
    ("brand_lost", "degraded", fields(brand=20), fields(brand=21)),
    ("availability_lost", "degraded", fields(availability=20), fields(availability=21)),
    ("image_lost", "degraded", fields(image_url=20), fields(image_url=21)),
    ("price_lost", "degraded", fields(price_minor=20), fields(price_minor=21)),
    ("slow", "degraded", {"latency_seconds": 0.5}, {"latency_seconds": 0.49}),
    ("slow", "degraded", {"latency_seconds": 0.5, "answers": 5}, {"answers": 4}),
]


def test_a_run_that_read_what_earlier_ones_did_is_healthy() -> None:
    found = judge(a_run())
    assert (found.state, found.kind, found.disbelieved) == ("healthy", None, False)


@pytest.mark.parametrize(("expected", "state", "facts", "short"), AT)
def test_a_rule_at_its_threshold(expected: str, state: str, facts: dict[str, Any], short: dict[str, Any]) -> None:
    found = judge(a_run(**facts))
    assert (found.state, found.kind) == (state, expected)
    assert found.disbelieved == (state in DISBELIEVED)
    assert kind(a_run(**facts | short)) is None
    # One sentence: a full stop or a question mark at its end, and none with a blank behind it before.
    assert re.fullmatch(r"[A-Z0-9](?:(?![.?!]\s).)*[.?]", found.reason)


def test_all_states_are_shown_by_some_rule() -> None:
    assert {state for _, state, _, _ in AT} | {"healthy"} == set(STATES)


@pytest.mark.parametrize(
    ("reason", "state"),
    [("blocked", "blocked"), ("unavailable", "unreachable"), ("finished", "healthy"), ("closespider", "healthy")],
)
def test_how_a_run_ended_tells_what_its_numbers_do_not(reason: str, state: str) -> None:
    assert judge(a_run(reason)).state == state


NEED_HISTORY: list[dict[str, Any]] = [
    {"unclosed": 100}, {"ranges": 100}, {"entry_ranges": 100}, {"top_price": 100}, {"structured": 0},
    {"structured_prices": 0}, fields(sku=0), {"latency_seconds": 50.0},
]  # fmt: skip


@pytest.mark.parametrize("facts", NEED_HISTORY)
def test_what_is_only_odd_beside_the_usual_needs_to_know_the_usual(facts: dict[str, Any]) -> None:
    assert kind(a_run(**facts)) is not None
    assert kind(a_run(history=[], **facts)) is None


@pytest.mark.parametrize("facts", NEED_HISTORY[:-1])
def test_a_history_of_few_readings_tells_no_share(facts: dict[str, Any]) -> None:
    few = dict.fromkeys(("products", "entries", "read", "priced"), 19) | {
        "structured": 19, "structured_prices": 19, "fields": {"sku": 19}
    }  # fmt: skip
    assert kind(a_run(history=[few], **facts)) is None
    enough = {name: 20 if number == 19 else number for name, number in few.items()} | {"fields": {"sku": 20}}
    assert kind(a_run(history=[enough], **facts)) is not None


@pytest.mark.parametrize(
    ("facts", "usual", "less_usual"),
    [
        ({"unclosed": 100}, {"unclosed": 20}, {"unclosed": 19}),
        ({"ranges": 100}, {"ranges": 20}, {"ranges": 19}),
        ({"entry_ranges": 100}, {"entry_ranges": 20}, {"entry_ranges": 19}),
        ({"top_price": 100}, {"top_price": 50}, {"top_price": 49}),
        ({"structured": 0}, {"structured": 59}, {"structured": 60}),
        ({"structured_prices": 0}, {"structured_prices": 59}, {"structured_prices": 60}),
        (fields(sku=0), {"fields": {"sku": 59}}, {"fields": {"sku": 60}}),
        ({"listings_looped": 5}, {"listings_looped": 1}, {"listings_looped": 0}),
        ({"latency_seconds": 0.5}, {"latency_seconds": 0.11}, {"latency_seconds": 0.1}),
    ],
)
def test_what_was_so_before_is_the_vendors_way(
    facts: dict[str, Any], usual: dict[str, Any], less_usual: dict[str, Any]
) -> None:
    assert kind(a_run(history=[USUAL | less_usual], **facts)) is not None
    assert kind(a_run(history=[USUAL | usual], **facts)) is None


def test_shares_are_of_all_earlier_runs_together() -> None:
    large, small = USUAL | {"ranges": 0}, USUAL | {"products": 10, "ranges": 10}
    assert kind(a_run(ranges=100, history=[large, small])) == "prices_became_ranges"
    assert kind(a_run(ranges=100, history=[large, *[small] * 3])) is None


def test_slow_is_beside_the_median_and_worth_noticing() -> None:
    history = [{"latency_seconds": seconds} for seconds in (0.1, 0.1, 9.0)]
    assert kind(a_run(history=history, latency_seconds=0.5)) == "slow"
    fast = [{"latency_seconds": 0.01}]
    assert kind(a_run(history=fast, latency_seconds=0.059)) is None
    assert kind(a_run(history=fast, latency_seconds=0.061)) == "slow"
    assert kind(a_run(latency_seconds=None)) is None


@pytest.mark.parametrize(
    "facts",
    [
        {"structured": 0, "products": 19},
        {"structured_prices": 0, "products": 19},
        fields(sku=0) | {"products": 19},
        {"ranges": 19, "products": 19},
    ],
)
def test_few_products_are_chance(facts: dict[str, Any]) -> None:
    assert kind(a_run(**facts)) is None
    assert kind(a_run(**facts | {"products": 20} | ({"ranges": 20} if "ranges" in facts else {}))) is not None


def test_a_page_of_an_index_that_was_not_read_is_no_news() -> None:
    assert kind(a_run(index_links=0)) is None


# In the order of precedence: of two that fit, the earlier one is told, as it explains the later.
ORDER: list[tuple[str, dict[str, Any]]] = [
    ("challenge", {"blocked": 1000}),
    ("not_found", {"not_found": 110, "read": 0}),
    ("bodies_cut", {"cut": 110}),
    ("unreachable", {"failed": 100, "read": 0}),
    ("server_errors", {"server_errors": 110}),
    ("index_unreadable", {"index_unreadable": 1}),
    ("index_shrunk", {"index_links": 1}),
    ("listings_unreadable", {"listing_unreadable": 10}),
    ("products_redirect", {"redirected": 100}),
    ("products_unreadable", {"product_unreadable": 100}),
    ("paging_loops", {"listed_now": 1, "listings_looped": 5}),
    ("names_shifted", {"name_moves": 100, "names_taken": 100}),
    ("currency_changed", {"currency_moves": 100}),
    ("prices_became_ranges", {"ranges": 100}),
    ("prices_all_equal", {"top_price": 100}),
    ("prices_scaled", {"price_moves": 100, "price_ratio": 100.0}),
    ("prices_missing", {"unpriced_moves": 100}),
    ("prices_contradicted", {"contradicted": 1}),
    ("all_sold_out", {"sold_out_moves": 100}),
    ("structured_data_lost", {"structured": 0}),
    ("structured_price_lost", {"structured_prices": 0}),
    ("sku_lost", fields(sku=0)),
    ("slow", {"latency_seconds": 50.0}),
]


@pytest.mark.parametrize("place", range(len(ORDER) - 1))
def test_of_two_rules_the_one_that_explains_the_other_is_told(place: int) -> None:
    facts: dict[str, Any] = {}
    for _, more in reversed(ORDER[place:]):
        facts |= more
    assert kind(a_run(**facts)) == ORDER[place][0]


INDEX = ["index_unreadable", "index_shrunk"]
LISTINGS = ["listings_unreadable", "listings_shrunk", "paging_loops", "first_page_only", "names_shifted"]
PAGES = ["challenge_on_products", "products_redirect", "products_unreadable"]
LOST = [
    "structured_data_lost", "structured_price_lost", "sku_lost", "brand_lost", "availability_lost", "image_lost",
    "price_lost",
]  # fmt: skip
COMPARED = [
    "currency_changed", "prices_became_ranges", "prices_all_equal", "prices_scaled", "prices_missing", "all_sold_out"
]  # fmt: skip
AT_ONCE = ["challenge", "not_found", "unreachable", "server_errors", "slow", "prices_contradicted"]


@pytest.mark.parametrize(
    ("kinds", "unseen", "seen"),
    [
        (INDEX, {"index_links": 0}, {"index_links": 30}),
        (LISTINGS, {"listings_read": 0}, {"listings_read": 1}),
        (PAGES, {"product_pages": 4}, {"product_pages": 5}),
        (LOST, {"product_pages": 19}, {"product_pages": 20}),
        (COMPARED, {"compared": 19}, {"compared": 20}),
    ],
)
def test_what_a_run_could_not_see_may_still_be(kinds: list[str], unseen: dict[str, Any], seen: dict[str, Any]) -> None:
    assert {one: still(one, a_run(**unseen)) for one in kinds} == dict.fromkeys(kinds, True)
    assert {one: still(one, a_run(**seen)) for one in kinds} == dict.fromkeys(kinds, False)


def test_what_any_run_would_see_is_over_with_the_first_that_is_healthy() -> None:
    nothing = Run({"read": 1}, "finished", [], JUMP)
    assert {one: still(one, nothing) for one in (None, *AT_ONCE)} == dict.fromkeys((None, *AT_ONCE), False)


def test_every_kind_is_either_seen_at_once_or_by_what_was_read() -> None:
    assert {one for one, _, _, _ in AT} == {*INDEX, *LISTINGS, *PAGES, *LOST, *COMPARED, *AT_ONCE, "bodies_cut"}


@pytest.mark.parametrize("one", ["currency_changed", "prices_scaled", "prices_missing", "all_sold_out"])
def test_a_part_of_the_vendor_too_small_for_the_rule_is_no_proof_that_it_is_over(one: str) -> None:
    """A run of one listing must not mark its products sold out while the vendor is broken."""
    moves = {"sold_out_moves": 25, "unpriced_moves": 25, "currency_moves": 25, "price_moves": 25, "price_ratio": 100.0}
    part = a_run(compared=25, known_products=1000, narrow=True, **moves)
    assert judge(part).state == "healthy"
    assert still(one, part)
    assert not still(one, a_run(compared=100, known_products=1000))


def test_a_few_pages_are_no_proof_that_pages_are_whole_again() -> None:
    few = a_run(read=5, unclosed=5)
    assert judge(few).state == "healthy"
    assert still("bodies_cut", few)


def test_of_one_year_much_may_be_alike() -> None:
    """A year may be sold out, cost the same, show no prices when it is sold out, and lose a third."""
    alike = {"top_price": 95, "listed_now": 10, "listings_read": 1, **fields(price_minor=0)}
    assert judge(a_run(**alike, narrow=True)).state == "healthy"
    assert judge(a_run(**alike)).state != "healthy"


def test_of_gone_keys_missing_pages_are_no_news() -> None:
    facts = {"read": 0, "missing": 50, "not_found": 50, "answers": 51, "redirected": 50}
    assert judge(a_run(**facts, product_unreadable=0, audit=True)).state == "healthy"
    assert kind(a_run(**facts)) == "not_found"


def test_what_was_accepted_may_move() -> None:
    facts = {"sold_out_moves": 100}
    assert kind(a_run(**facts)) == "all_sold_out"
    assert Run(a_run(**facts).facts, "finished", a_run().history, JUMP, accepted=True).moved("sold_out_moves") is False
