from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from christmas.errors import PriceUnreadable
from christmas.reading import money
from christmas.reading.money import PriceText, amount, format_amount, from_minor, quantize, read_price_text, to_minor

minors = st.integers(min_value=1, max_value=999_999_999)


def _price(text: str) -> str | None:
    found = read_price_text(text).price
    return None if found is None else str(found)


def test_one_price() -> None:
    prices: dict[str, str | None] = {
        "$24.95": "24.95",
        " $24.95\n": "24.95",
        "$1,249.50": "1249.50",
        "$\u00a01\u00a0249.50": "1249.50",
        "€ 1.024,95": "1024.95",
        "1\u202f249,50 €": "1249.50",
        "19.99 $": "19.99",
        "12.95$": "12.95",
        "USD9.50": "9.50",
        "9.50EUR": "9.50",
        "SALE$8": "8",
        "$.99": "0.99",
        "19.99": "19.99",
        "1,249.50": "1249.50",
    }
    assert {text: _price(text) for text in prices} == prices


def test_other_numbers_are_not_the_price() -> None:
    texts = [
        "1995 $24.95",
        "Frosty Friends 16 $24.95",
        "Ornament #3 - 1995 $24.95",
        "1995-1996 Frosty Friends $24.95",
        "1995 Frosty Friends - $24.95",
        "$24.95 Free Shipping",
        "$24.95 - 20% off",
        "$5 off $24.95",
        "20% off $24.95",
        "Free shipping over $75.00. Price: $24.95",
    ]
    assert {text: _price(text) for text in texts} == dict.fromkeys(texts, "24.95")


def test_no_one_price() -> None:
    texts = [
        "",
        "   ",
        "0",
        "0.00",
        "$0.00",
        "Free",
        "Call for price",
        "From $4.50",
        "Starting at only $4.50",
        "As low as $4",
        "2 for $10",
        "Up to $10",
        "$10+",
        "$10 and up",
        "$10 & more",
        "-$5.00",
        "- $5.00",
        "\u2212$5.00",
        "$-5.00",
        "You save: $8.00",
        "Was: $39.95",
        "Login to see the price",
        "1995 Frosty Friends #16",
    ]
    assert {text: read_price_text(text) for text in texts} == dict.fromkeys(texts, PriceText())


def test_a_range_is_no_price() -> None:
    texts = [
        "$5.95 - $12.95",
        "$5.95 \u2013 $12.95",
        "$5.95 to $12.95",
        "$5.95 - 12.95",
        "$5.95 USD - $12.95 USD",
        "5,95 - 12,95 €",
        "5,95 € \u2014 12,95 €",
        "$12.95 - $5.95",
        "Now: $5.95 - $12.95",
    ]
    assert {text: read_price_text(text) for text in texts} == dict.fromkeys(
        texts, PriceText(price_min=Decimal("5.95"), price_max=Decimal("12.95"))
    )


def test_a_sale_has_a_list_price() -> None:
    texts = [
        "Was: $39.95 Now: $27.00",
        "Was: $39.95 - Now: $27.00",
        "MSRP: $39.95 $27.00",
        "List Price: $39.95 Our Price: $27.00",
        "Regular price $39.95 Sale price $27.00",
        "Sale $27.00 (Reg. $39.95)",
        "Compare at $39.95, $27.00",
        "Original price was: $39.95. Current price is: $27.00.",
        "$39.95 $27.00",
        "$27.00 $39.95",
        "Was $39.95 Now $27.00 You save: $12.95 (32%)",
    ]
    assert {text: read_price_text(text) for text in texts} == dict.fromkeys(
        texts, PriceText(price=Decimal("27.00"), list_price=Decimal("39.95"), currency="USD")
    )


def test_an_old_price_that_is_not_higher_is_no_sale() -> None:
    assert read_price_text("Was: $8.00 Now: $8.00") == PriceText(price=Decimal("8.00"), currency="USD")


def test_currency() -> None:
    currencies: dict[str, str | None] = {
        "$5": "USD",
        "US $5": "USD",
        "US$5": "USD",
        "USA $5": "USD",
        "Series A $5": "USD",
        "CA$ 5": "CAD",
        "C$5": "CAD",
        "AU$5": "AUD",
        "A$ 5": "AUD",
        "NZ$5": "NZD",
        "$5 CAD": "CAD",
        "5 CHF": "CHF",
        "€5": "EUR",
        "£5": "GBP",
        "¥500": "JPY",
        "5": None,
    }
    assert {text: read_price_text(text).currency for text in currencies} == currencies


def test_the_same_price_in_another_currency_is_no_list_price() -> None:
    assert read_price_text("US $19.99 / CA$ 25.99") == PriceText(price=Decimal("19.99"), currency="USD")


@pytest.mark.parametrize("text", ["$24.9500", "$ TBD 5", "$99,999,999", "$1" + " 000" * 200, "9" * 600])
def test_unreadable_names_the_text(text: str) -> None:
    with pytest.raises(PriceUnreadable) as raised:
        read_price_text(text)
    assert text[:20] in str(raised.value)
    assert len(str(raised.value)) < 300


@given(minors)
def test_dollars_written_are_read_again(minor: int) -> None:
    text = f"${from_minor(minor, 'USD'):,}"
    assert read_price_text(text) == PriceText(price=from_minor(minor, "USD"), currency="USD")


@given(
    minors, st.sampled_from(["", "Our Price: ", "1995 Frosty Friends #16 "]), st.sampled_from(["", " each", "!", "."])
)
def test_words_around_a_price_change_nothing(minor: int, before: str, after: str) -> None:
    price = from_minor(minor, "USD")
    assert read_price_text(f"{before}${price}{after}").price == price


@given(st.integers(min_value=1, max_value=9_999_999))
def test_yen_written_are_read_again(minor: int) -> None:
    found = read_price_text(f"¥{minor:,}")
    assert found.price == minor
    assert to_minor(found.price or Decimal(0), "JPY") == minor


@given(st.text(max_size=120))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        found = read_price_text(text)
    except PriceUnreadable:
        return
    assert found.price is None or found.price > 0
    assert found.list_price is None or (found.price is not None and found.list_price > found.price)


@given(minors, st.sampled_from(["USD", "EUR", "JPY"]))
def test_minor_units_and_back(minor: int, currency: str) -> None:
    assert to_minor(from_minor(minor, currency), currency) == minor


def test_amount() -> None:
    amounts: list[tuple[object, str | None]] = [
        ("149", "149"),
        ("9.5", "9.5"),
        (149, "149"),
        (Decimal("24.95"), "24.95"),
        (" 24.95 ", "24.95"),
        ("24,95", "24.95"),
        ("$1,249.50", "1249.50"),
        ("", None),
        ("  ", None),
        (None, None),
        ("0", None),
        (0, None),
        ("0.00", None),
        ("$0.00", None),
        ("-5", None),
        (True, None),
    ]
    read = [(value, amount(value)) for value, _ in amounts]
    assert [(value, found if found is None else str(found)) for value, found in read] == amounts


@pytest.mark.parametrize(
    "value", ["Call for price", "NaN", "Infinity", "1e99", "$5.95 - $12.95", "from $5", ["5"], "5O.00"]
)
def test_amount_names_what_it_cannot_read(value: object) -> None:
    with pytest.raises(PriceUnreadable, match="stands where a price should"):
        amount(value)


@pytest.mark.parametrize(
    ("value", "currency", "text"),
    [
        ("9.5", "USD", "9.50"),
        ("149", None, "149.00"),
        ("2.675", "USD", "2.68"),
        ("2.665", "USD", "2.67"),
        ("1200", "JPY", "1200"),
    ],
)
def test_format(value: str, currency: str | None, text: str) -> None:
    assert format_amount(Decimal(value), currency) == text


def test_minor_units_are_whole() -> None:
    assert to_minor(Decimal("24.95"), "USD") == 2495
    assert to_minor(Decimal(1200), "JPY") == 1200
    assert quantize(Decimal("0.005"), "USD") == Decimal("0.01")


def test_currencies_without_decimals() -> None:
    assert {money.decimals(currency) for currency in money.NO_DECIMALS} == {0}
    assert money.decimals(None) == money.decimals("USD") == 2
