"""The words of all products, each once: what a search corrects its own words against."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import Connection, Text, func, literal_column, select

from christmas.catalog import search_terms
from christmas.db import dialects
from christmas.db.dialects import any_of
from christmas.db.permissions import binds
from christmas.db.tables import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable

_ADVISORY_LOCK = 1_225_061_974


@binds("products", "write")
def write(connection: Connection, documents: Iterable[str]) -> None:
    """Add the words of products, see ``search_terms.words_of``, that are not known yet; none is ever removed.

    Ids rise in the order in which transactions end: who has read up to one has missed none before it.
    """
    words = sorted({word for document in documents for word in search_terms.known_by(document)})
    if connection.dialect.name == "postgresql":
        known = select(vocabulary.c.word).where(vocabulary.c.word.in_(any_of(connection, words, Text)))
        words = sorted(set(words).difference(connection.scalars(known)))
        if words:  # two that add the same ones would wait for each other
            connection.execute(select(func.pg_advisory_xact_lock(_ADVISORY_LOCK)))
    if words:
        rows = any_of(connection, words, Text).where(literal_column("true"))  # without, ON would be read as a join's
        statement = dialects.insert(connection, vocabulary).from_select(["word"], rows)
        connection.execute(statement.on_conflict_do_nothing())
