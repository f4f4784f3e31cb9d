"""Words in one text: found, and put where they belong."""

from __future__ import annotations

import random
import sys

import pytest

from christmas.catalog import sorted_words
from christmas.catalog.sorted_words import SortedWords

KNOWN = ["1985", "a", "ab", "abc", "b", "bell", "qx1", "qx10", "qx100", "qx2", "zz"]


@pytest.mark.parametrize("known", [[], ["bell"], KNOWN])
def test_it_has_its_words_and_no_others(known: list[str]) -> None:
    words = SortedWords(random.Random(1).sample(known, len(known)))
    assert list(words) == known
    assert [word for word in [*KNOWN, "", "0", "abcd", "be", "qx", "qx11", "zzz"] if word in words] == known
    for start in ("", "a", "ab", "b", "q", "qx1", "zz", "zzz", "0"):
        assert list(words.beginning(start)) == [word for word in known if word.startswith(start)]


@pytest.mark.parametrize("few", [0, 40, sorted_words.FEW])
def test_words_are_put_where_they_belong(few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorted_words, "FEW", few)
    chance = random.Random(2)
    words = SortedWords()
    known: set[str] = set()
    for size in (0, 1, 3, 50, 0, 200, 7):
        new = {f"{chance.choice('qx')}{chance.randrange(10**4)}" for _ in range(size)} - known
        before, words = words, words.with_words(list(new))
        assert list(before) == sorted(known)
        known |= new
        assert list(words) == sorted(known)
        assert all(word in words for word in known)


def test_a_sku_takes_little_more_memory_than_its_letters() -> None:
    words = SortedWords([f"qx{number:07d}" for number in range(10_000)])
    assert sys.getsizeof(words._text) < 10_000 * 10 + 100
