"""What a text asks for: its words, corrected against those of the catalog; and the products that have them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from itertools import groupby, islice
from threading import Lock
from typing import TYPE_CHECKING, Any

from rapidfuzz import process
from rapidfuzz.distance import OSA
from sqlalchemy import BigInteger, Connection, Select, column, func, select, table, text

from christmas.catalog import search_terms
from christmas.catalog.sorted_words import SortedWords
from christmas.db.dialects import any_of
from christmas.db.tables import products, vocabulary
from christmas.reading.identity import normal_sku

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

# What is longer than any name is cut: each unknown word costs milliseconds.
TEXT_MAX = 400
WORDS_MAX = 16
SUGGESTIONS_MAX = 20
_BEGINNING_MIN = 3
_CORRECTED_MIN = 3
# Words of at least this length may have two mistakes, shorter ones one.
_TWO_EDITS_FROM = 8
# How many similar words are tried for a caller who may not see all vendors.
_TRIED = 20
# More words that begin alike are not listed one by one.
_ENDINGS_MAX = 100
# How many words that begin as a text ends, or products of them, are looked at for suggestions.
_LOOKED_AT = 2_000
_LOADED_AT_ONCE = 10_000

_FULL_TEXT = table("product_words", column("rowid"), column("product_words"))


@dataclass(frozen=True, slots=True)
class Query:
    """What a text asks for: all of ``words``, and a word for each beginning in ``prefixes``; or else the SKU.

    ``corrected`` has what was written, and what is looked for instead. ``nothing``: one of its words is nowhere in the
    catalog, so nothing can be found. Without any word it is no condition.
    """

    words: tuple[str, ...] = ()
    prefixes: tuple[str, ...] = ()
    sku: str | None = None
    corrected: dict[str, str] = field(default_factory=dict)
    nothing: bool = False
    # The words that begin as a prefix says, where they are few: for a prefix, the index merges all before the first.
    endings: dict[str, tuple[str, ...]] = field(default_factory=dict, compare=False, repr=False)

    @property
    def is_empty(self) -> bool:
        """Whether it asks for no word at all."""
        return not (self.words or self.prefixes or self.sku or self.nothing)


def exactly(word: str) -> Query:
    """Return the query for one word as it is: lower-case letters a to z and digits."""
    return Query(words=(word,))


@dataclass(frozen=True, slots=True)
class Scope:
    """The vendors that may be seen: of the catalog's words only those of their products are known."""

    connection: Connection
    vendors: Sequence[str]

    @classmethod
    def of(cls, connection: Connection, vendors: Sequence[str] | None) -> Scope | None:
        """Return the scope of these vendors; None, which is no bound, for all of them."""
        return None if vendors is None else cls(connection, vendors)

    def has(self, word: str) -> bool:
        """Return whether one of their products has a word."""
        return bool(self._products(exactly(word), 1))

    def begins(self, start: str) -> bool:
        """Return whether one of their products has a word that begins so."""
        return bool(self._products(Query(prefixes=(start,)), 1))

    def beginning(self, start: str) -> list[str]:
        """Return words that begin so, of some of their products, in alphabetical order."""
        ids = any_of(self.connection, self._products(Query(prefixes=(start,)), _LOOKED_AT), BigInteger)
        rows = self.connection.scalars(select(products.c.words).where(products.c.key_id.in_(ids)))
        return sorted({word for words in rows for word in search_terms.known_by(words) if word.startswith(start)})

    def _products(self, query: Query, limit: int) -> list[int]:
        return candidates(self.connection, query, vendors=self.vendors, limit=limit) if self.vendors else []


@dataclass(frozen=True, slots=True)
class _Index:
    """All words up to one id, never changed after it is made; ``ids`` and ``by_length`` have those of letters only."""

    last: int = 0
    words: SortedWords = field(default_factory=SortedWords)
    ids: dict[str, int] = field(default_factory=dict)
    by_length: dict[int, list[str]] = field(default_factory=dict)

    def with_words(self, new: Sequence[tuple[int, str]]) -> _Index:
        """Return the index of these words as well."""
        by_length = self.by_length.copy()
        letters = {word: id_ for id_, word in new if word.isalpha()}
        for length, some in groupby(sorted(letters, key=lambda word: (len(word), word)), len):
            by_length[length] = [*by_length.get(length, ()), *some]
        words = self.words.with_words([word for _, word in new])
        return _Index(new[-1][0], words, self.ids | letters, by_length)


class Vocabulary:
    """The words of the catalog, for one process; any number of threads may use it."""

    def __init__(self) -> None:
        self._index = _Index()
        self._refreshing = Lock()

    def refresh(self, connection: Connection) -> None:
        """Learn the words that are new since the last time; who comes while another does it goes on with the old ones.

        The first time, all callers wait.
        """
        if not self._refreshing.acquire(blocking=self._index.last == 0):
            return
        try:
            query = select(vocabulary.c.id, vocabulary.c.word).where(vocabulary.c.id > self._index.last)
            found = connection.execute(query.order_by(vocabulary.c.id).execution_options(yield_per=_LOADED_AT_ONCE))
            if new := [(row[0], row[1]) for row in found]:
                self._index = self._index.with_words(new)
        finally:
            self._refreshing.release()

    def query(self, connection: Connection, text: str | None, vendors: Sequence[str] | None = None) -> Query | None:
        """Return what a text asks for by the words of the catalog now; None where it is blank.

        ``vendors`` are those that may be seen, None means all. Pages, API and commands search by this.
        """
        if text is None or not text.strip():
            return None
        self.refresh(connection)
        return self.understood(text, Scope.of(connection, vendors))

    def correct(self, word: str) -> str | None:
        """Return the known word that was most likely meant; a known one is itself; None where none is like it."""
        return word if word in self._index.words else next(_alike(self._index, word), None)

    def understood(self, text: str, scope: Scope | None = None) -> Query:
        """Return what a text asks for. It never fails: what is no letter or digit only separates words.

        With ``scope`` only its words are known.
        """
        index = self._index

        def is_known(word: str) -> bool:
            return word in index.words and (scope is None or scope.has(word))

        def is_beginning(word: str) -> bool:
            return next(index.words.beginning(word), None) is not None and (scope is None or scope.begins(word))

        def correct(word: str) -> str | None:
            alike = _alike(index, word)
            return next(alike if scope is None else filter(scope.has, islice(alike, _TRIED)), None)

        written = list(dict.fromkeys(search_terms.tokens(text[:TEXT_MAX])))[:WORDS_MAX]
        sku = _sku(is_known, written)
        words: list[str] = []
        prefixes: list[str] = []
        corrected: dict[str, str] = {}
        for word in written:
            if is_known(word):
                words.append(word)
            elif len(word) >= _BEGINNING_MIN and is_beginning(word):
                prefixes.append(word)
            elif meant := correct(word):
                corrected[word] = meant
                words.append(meant)
            else:
                return Query(sku=sku) if sku else Query(tuple(words), tuple(prefixes), None, corrected, nothing=True)
        if sku and (prefixes or corrected):  # it is known as it is written, so nothing has to be guessed
            return Query(sku=sku)
        endings = {start: tuple(islice(index.words.beginning(start), _ENDINGS_MAX + 1)) for start in prefixes}
        few = {start: found for start, found in endings.items() if len(found) <= _ENDINGS_MAX}
        return Query(tuple(dict.fromkeys(words)), tuple(prefixes), sku, corrected, endings=few)

    def suggest(self, prefix: str, scope: Scope | None = None) -> list[str]:
        """Return texts that go on where this one ends: its last word completed, words before SKUs, short ones first.

        With ``scope`` only words of its vendors' products.
        """
        written = search_terms.tokens(prefix[:TEXT_MAX])
        if not written or len(written[-1]) < 2 or not search_terms.tokens(prefix[:TEXT_MAX][-1:]):
            return []
        known = self._index.words if scope is None else scope
        found = islice(known.beginning(written[-1]), _LOOKED_AT)
        best = sorted(found, key=lambda word: (not word.isalpha(), len(word), word))[:SUGGESTIONS_MAX]
        return [" ".join((*written[:-1], word)) for word in best]


def _alike(index: _Index, word: str) -> Iterator[str]:
    """Yield the other known words that were meant by a misspelt one, the most likely first."""
    if not word.isalpha() or len(word) < _CORRECTED_MIN:
        return
    most = 2 if len(word) >= _TWO_EDITS_FROM else 1
    found: list[tuple[float, bool, int, str]] = []
    for length in range(len(word) - most, len(word) + most + 1):
        choices = index.by_length.get(length, ())
        like = process.extract(word, choices, scorer=OSA.distance, score_cutoff=most, limit=None)
        found += [(distance, other[0] != word[0], index.ids[other], other) for other, distance, _ in like]
    yield from (other for *_, other in sorted(found) if other != word)


def _sku(is_known: Callable[[str], bool], written: Sequence[str]) -> str | None:
    """Return the SKU that the whole text spells, in its normal form; None where the catalog has none like it."""
    compact = "".join(written)
    if len(written) > 1 and not (any(map(str.isalpha, compact)) and any(map(str.isdigit, compact))):
        return None  # 1985 6 is a year and a number
    forms = (normal_sku(compact).lower(), compact)
    return next((one for one in forms if any(map(str.isdigit, one)) and [one] != written and is_known(one)), None)


def candidates(
    connection: Connection,
    query: Query,
    *,
    also: Sequence[str] = (),
    vendors: Sequence[str] = (),
    limit: int,
    after: int | None = None,
) -> list[int]:
    """Return key ids of at most ``limit`` products that have the words of a query and those in ``also``.

    ``vendors``: of one of these. With ``after`` those of larger ids, in order; without, which ones there are beyond the
    limit is the database's choice: SQLite takes the largest ids. ``query`` and ``also`` must not both be without words.
    """
    wanted = _expression(connection.dialect.name, query, also, vendors)
    if connection.dialect.name == "sqlite":
        rowid = _FULL_TEXT.c.rowid
        statement = select(rowid).where(_FULL_TEXT.c.product_words.op("MATCH")(wanted))
        statement = statement.order_by(rowid.desc() if after is None else rowid)
        identity: Any = rowid
    else:
        identity = products.c.key_id
        words = func.to_tsvector(text("'simple'"), products.c.words)
        statement = select(identity).where(words.op("@@")(func.to_tsquery(text("'simple'"), wanted)))
        if after is not None:
            statement = statement.order_by(identity)
    if after is not None:
        statement = statement.where(identity > after)
    return _in_one_row(connection, statement.limit(limit))


def _in_one_row(connection: Connection, statement: Select[Any]) -> list[int]:
    """Return the one column of a query; a row for each id would cost more than finding them."""
    (identity,) = statement.subquery().c
    if connection.dialect.name == "sqlite":
        return [int(one) for one in json.loads(connection.scalar(select(func.json_group_array(identity))) or "[]")]
    return list(connection.scalar(select(func.array_agg(identity))) or ())


def _expression(dialect: str, query: Query, also: Sequence[str], vendors: Sequence[str]) -> str:
    """Write the words in the database's language; they are of a to z and 0 to 9 only, so none means something in it."""
    both, either, word_of, start_of = (
        (" AND ", " OR ", '"{}"', '"{}"*') if dialect == "sqlite" else (" & ", " | ", "{}", "{}:*")
    )

    def one_of(words: Sequence[str]) -> str:
        return f"({either.join(map(word_of.format, words))})"

    starts = (one_of(words) if (words := query.endings.get(one)) else start_of.format(one) for one in query.prefixes)
    asked = both.join((*map(word_of.format, query.words), *starts))
    if query.sku:
        asked = f"({either.join(filter(None, (word_of.format(query.sku), f'({asked})' if asked else '')))})"
    further = map(word_of.format, dict.fromkeys(also))
    sellers = one_of([search_terms.vendor_token(vendor) for vendor in vendors]) if vendors else ""
    return both.join(filter(None, (asked, *further, sellers)))
