"""What a text is understood as, and that every text has an answer."""

from __future__ import annotations

import random
import string
import threading
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import OSA
from sqlalchemy import Connection, Engine, select

from christmas.catalog import product_lists, search, search_terms
from christmas.catalog.filters import Filters
from christmas.catalog.search import Query, Vocabulary
from christmas.db import database
from christmas.db.tables import products as products_table
from christmas.db.tables import vocabulary as known_words
from tests.catalog import shelves
from tests.catalog.making import VENDOR, product, write
from tests.costs import least_seconds
from tests.databases import SERVERS

FROSTY = {"name": "Frosty Friends #6", "series": "Frosty Friends", "sku": "QX4822", "release_year": 1985}
SHELF = {
    "frosty": FROSTY,
    "later": FROSTY | {"name": "Frosty Friends #7", "sku": "QX4053", "release_year": 1986},
    "santa": {"name": "Mr. & Mrs. Santa", "sku": "3799QXI7109"},
    "santa elsewhere": {"name": "Santas", "sku": "QXI-7109 NB"},
    "bell": {"name": "50th Anniversary Bell #11", "sku": "QX711"},
    "malley": {"name": "O'Malley's Café", "brand": "Éire™"},
    "qx": {"name": "Bell 7", "sku": "BELL-7 12"},
}
ODD = [
    '" OR 1=1 --', "NEAR(", "NEAR(frosty friends, 2)", "*", "frosty *", "a & !b", "a:b", "(", ")", "'", '"', '""',
    "^frosty", "\0", "frosty\0friends", "<script>alert(1)</script>", "{words}: frosty", "frosty -friends", "frosty:*",
    "words:frosty", "%", "_", "\\", "'; DROP TABLE products; --", "x" * 10_000, "frosty " * 2_000, "1" * 10_000,
    "👻", "ﬁlm", "İstanbul",
    "\ud800", "é" * 500, " ".join(string.ascii_lowercase), "🎅 santa", "1e5", "0x1f", "1.5", "a" * 64, "AND",
    "OR", "NOT", "null",
]  # fmt: skip


@pytest.fixture(scope="module", params=SERVERS)
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    yield from shelves.shared(request, tmp_path_factory, fill)


@pytest.fixture
def shelf(filled: Engine) -> Iterator[Connection]:
    with database.read(filled) as connection:
        yield connection


def fill(connection: Connection) -> None:
    write(connection, *(product(key, **values) for key, values in SHELF.items()))


@pytest.fixture
def words(shelf: Connection) -> Vocabulary:
    return refreshed(shelf)


def refreshed(connection: Connection) -> Vocabulary:
    found = Vocabulary()
    found.refresh(connection)
    return found


def of_words(*found: str) -> Vocabulary:
    """Return a vocabulary of these words, in this order."""
    vocabulary = Vocabulary()
    vocabulary._index = vocabulary._index.with_words(list(enumerate(found, 1)))
    return vocabulary


def found(connection: Connection, text: str) -> set[str]:
    """Return the keys of what a text finds."""
    query = refreshed(connection).understood(text)
    return {row.key for row in product_lists.page(connection, Filters(query=query), "changed", None, 1000).rows}


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("frosty friends 1985", {"frosty"}),
        ("frosty freinds 1985", {"frosty"}),
        ("FROSTY FREINDS", {"frosty", "later"}),
        ("fros", {"frosty", "later"}),
        ("3799QXI7109", {"santa", "santa elsewhere"}),
        ("qxi 7109", {"santa", "santa elsewhere"}),
        ("QXI-7109", {"santa", "santa elsewhere"}),
        ("qxi7109", {"santa", "santa elsewhere"}),
        ("1295 QXI 7109 SDB", {"santa", "santa elsewhere"}),
        ("50th", {"bell"}),
        ("mr & mrs santa", {"santa"}),
        ("santa", {"santa"}),
        ("o'malley", {"malley"}),
        ("CAFÉ", {"malley"}),
        ("cafe", {"malley"}),
        ("eire", {"malley"}),
        ("#11", {"bell"}),
        ("bell 7", {"qx"}),
        ("anniversery", {"bell"}),
        ("aniversery bell", {"bell"}),
        ("frosty unheardof", set()),
        ("qx9999", set()),
    ],
)
def test_finds(shelf: Connection, text: str, keys: set[str]) -> None:
    assert found(shelf, text) == keys


def test_what_is_understood(words: Vocabulary) -> None:
    assert words.understood("frosty freinds 1985") == Query(
        ("frosty", "friends", "1985"), corrected={"freinds": "friends"}
    )
    assert words.understood("Frosty frosty anniv") == Query(("frosty",), ("anniv",))
    assert words.understood("qxi 7109") == Query(sku="qxi7109")
    assert words.understood("frosty unheardof").nothing
    assert not words.understood("frosty").nothing
    assert words.understood("bell 7") == Query(("bell", "7"))


@pytest.mark.parametrize("text", ["", " ", "!?", "\0", "&", "👻", "()"])
def test_a_text_without_a_word_is_no_condition(words: Vocabulary, shelf: Connection, text: str) -> None:
    assert words.understood(text) == Query()
    assert found(shelf, text) == set(SHELF)


@pytest.mark.parametrize("text", ODD, ids=range(len(ODD)))
def test_odd_text_never_fails(shelf: Connection, text: str) -> None:
    # It finds what has all of its words, and nothing where a word is in none.
    if not search_terms.tokens(text):
        assert found(shelf, text) == set(SHELF)
    elif search_terms.tokens(text)[0] in {"frosty", "words"}:
        assert found(shelf, text) <= {"frosty", "later"}
    else:
        assert found(shelf, text) in ({"santa"}, set())


@given(texts=st.lists(st.text(max_size=30), min_size=1, max_size=8))
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_answered(shelf: Connection, texts: list[str]) -> None:
    vocabulary = refreshed(shelf)
    for text in texts:
        query = vocabulary.understood(text)
        rows = product_lists.page(shelf, Filters(query=query), "changed", None, 1000).rows
        assert query.is_empty == (not search_terms.tokens(text))
        assert not (query.nothing and rows)
        vocabulary.suggest(text)


NAMES = st.text(st.sampled_from("abe019.-/'é&x") | st.characters(exclude_categories=["Cs"]), max_size=25)


@given(names=st.lists(NAMES.filter(lambda name: "\0" not in name), min_size=1, max_size=20))
@settings(max_examples=15, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_product_is_found_by_each_of_its_words(connection: Connection, names: list[str]) -> None:
    keys = [f"{number}" for number in range(len(names))]
    write(connection, *(product(key, name=name) for key, name in zip(keys, names, strict=True)))
    for name in names:
        for word in search_terms.tokens(name):
            rows = product_lists.page(connection, Filters(query=search.exactly(word)), "changed", None, 1000).rows
            assert name in {row.name for row in rows}, word
            rows = product_lists.page(
                connection, Filters(query=Query(prefixes=(word[:3],))), "changed", None, 1000
            ).rows
            assert name in {row.name for row in rows}, word


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("friends", "friends"),
        ("freinds", "friends"),  # two letters exchanged are one mistake
        ("frends", "friends"),
        ("friendss", "friends"),
        ("freind", None),  # two mistakes in six letters
        ("frinedz", None),
        ("anniversery", "anniversary"),
        ("aniversery", "anniversary"),
        ("aniverseri", None),
        ("xriends", "friends"),
        ("1985", "1985"),
        ("1958", None),
        ("qx482", None),
        ("be", None),
        ("", None),
        ("bell", "bell"),
    ],
)
def test_corrections(word: str, meant: str | None) -> None:
    assert of_words("friends", "anniversary", "1985", "qx4822", "bell").correct(word) == meant


@pytest.mark.parametrize(
    ("known", "word", "meant"),
    [
        (("bell", "ball"), "bxll", "bell"),
        (("ball", "bell"), "bxll", "ball"),
        (("tell", "bull"), "bell", "bull"),  # the first letter is seldom wrong
        (("holiday", "holidays"), "holidayx", "holiday"),
        (("reindeers", "reindeer"), "raindeer", "reindeer"),  # one mistake rather than two
    ],
)
def test_what_is_most_likely_meant(known: tuple[str, ...], word: str, meant: str) -> None:
    assert of_words(*known).correct(word) == meant


def test_new_words_are_learned(connection: Connection) -> None:
    fill(connection)
    vocabulary = refreshed(connection)
    assert vocabulary.understood("nutcrackre").nothing
    write(connection, product("new", name="Nutcracker"))
    vocabulary.refresh(connection)
    assert vocabulary.understood("nutcrackre").words == ("nutcracker",)
    assert vocabulary.understood("freinds").words == ("friends",)
    assert vocabulary.suggest("nut") == ["nutcracker"]


def test_many_new_words_at_once_and_one_by_one_come_to_the_same() -> None:
    chance = random.Random(3)
    letters = ["".join(chance.choices("abc1", k=chance.randrange(1, 9))) for _ in range(600)]
    known = list(dict.fromkeys(letters))
    at_once, one_by_one = of_words(*known), Vocabulary()
    for number, word in enumerate(known, 1):
        one_by_one._index = one_by_one._index.with_words([(number, word)])
    assert list(at_once._index.words) == list(one_by_one._index.words) == sorted(known)
    assert at_once._index.ids == one_by_one._index.ids
    for length in range(1, 9):
        expected = {word for word in known if word.isalpha() and len(word) == length}
        for vocabulary in (at_once, one_by_one):
            assert set(vocabulary._index.by_length.get(length, [])) == expected


@pytest.mark.parametrize(
    ("text", "suggested"),
    [
        ("fros", ["frosty"]),
        ("Mrs. SAN", ["mrs santa", "mrs santas"]),
        ("qx4", ["qx4053", "qx4822"]),
        ("qxi71", ["qxi7109", "qxi7109nb"]),
        ("frosty ", []),
        ("f", []),
        ("zzz", []),
        ("", []),
        ("\0", []),
    ],
)
def test_suggestions(words: Vocabulary, text: str, suggested: list[str]) -> None:
    assert words.suggest(text) == suggested


@pytest.mark.parametrize("vendors", [["other_example"], [VENDOR, "unknown_example"], [VENDOR, "other_example"], []])
def test_of_other_vendors_not_even_words_are_known(connection: Connection, vendors: list[str]) -> None:
    write(
        connection,
        product("1", **FROSTY),
        product("2", name="Nutcracker", sku="QX7109"),
        product("3", vendor="other_example", name="Frosted Nutcrackers and Friend", sku="3799QX9007"),
    )
    rows = [
        row
        for row in connection.execute(select(products_table.c.vendor, products_table.c.words))
        if row.vendor in vendors
    ]
    theirs = {word for row in rows for word in search_terms.known_by(row.words)}
    everything = connection.scalars(select(known_words.c.word).order_by(known_words.c.id))
    alone = of_words(*(word for word in everything if word in theirs)) if theirs else Vocabulary()
    found, scope = refreshed(connection), search.Scope.of(connection, vendors)
    for text in (
        "frosty", "freinds", "frost", "nutcrackre", "nutcrackers", "nutc", "qx 9007", "3799QX9007", "qx90", "qx7109",
        "and", "frosty 1985", "zzz", "", "friend nutcracker",
    ):  # fmt: skip
        assert found.understood(text, scope) == alone.understood(text), text
        assert found.suggest(text, scope) == alone.suggest(text), text


def test_threads_read_while_words_are_learned(engine: Engine) -> None:
    vocabulary = Vocabulary()
    with database.begin(engine) as connection:
        write(connection, product("0", **FROSTY))
    problems: list[BaseException] = []

    def read() -> None:
        try:
            while not ended.is_set():
                with database.read(engine) as connection:
                    vocabulary.refresh(connection)
                    assert vocabulary.understood("frosty freinds") == Query(
                        ("frosty", "friends"), corrected={"freinds": "friends"}
                    )
        except BaseException as error:  # noqa: BLE001  # told by the main thread
            problems.append(error)

    ended = threading.Event()
    threads = [threading.Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for number in range(6):
        with database.begin(engine) as connection:
            write(connection, *(product(f"{number}-{one}", name=f"bell{number}x{one}") for one in range(30)))
    ended.set()
    for thread in threads:
        thread.join()
    assert not problems
    with database.read(engine) as connection:
        vocabulary.refresh(connection)
    assert all(vocabulary.correct(f"bell{number}x{one}") for number in range(6) for one in range(30))


def test_a_word_is_corrected_in_less_time_than_comparing_it_with_every_word() -> None:
    chance = random.Random(7)
    many = {"".join(chance.choices(string.ascii_lowercase, k=chance.randrange(4, 13))) for _ in range(50_000)}
    vocabulary = of_words(*sorted(many), "friends", "anniversary")
    for word in ("freinds", "aniversery", "friendxx", "qwertyui"):
        every = least_seconds(lambda word=word: [OSA.distance(word, other) for other in many])  # type: ignore[misc]
        assert least_seconds(lambda word=word: vocabulary.correct(word)) < 0.8 * every, word  # type: ignore[misc]
    assert vocabulary.correct("aniversery") == "anniversary"
