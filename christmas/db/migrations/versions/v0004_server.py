"""What readers search and browse by: pieces, the words of products, their indexes; and the sessions of web pages.

Written against the tables as they were then; later changes get migrations of their own.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op

from christmas.catalog import search_terms
from christmas.db.tables import Id
from christmas.db.types import UtcDateTime

revision = "0004"
down_revision = "0003"

_BATCH = 5_000
_INDEXES = {
    "ix_products_release_year_piece": ["release_year", "piece"],
    "ix_products_last_changed_key_id": ["last_changed", "key_id"],
    "ix_products_vendor_last_changed": ["vendor", "last_changed"],
    "ix_products_currency_price_minor_key_id": ["currency", "price_minor", "key_id"],
    "ix_products_availability_last_changed": ["availability", "last_changed"],
}
# A search asks for whole words and their beginnings, in any order: without positions and lengths it is half as large.
_FULL_TEXT = """
    CREATE VIRTUAL TABLE product_words USING fts5 (
        words, content='products', content_rowid='key_id', tokenize='unicode61 remove_diacritics 0', detail=none,
        columnsize=0
    )
"""
_TRIGGERS = {
    "insert": "AFTER INSERT ON products BEGIN {new}; END",
    "delete": "AFTER DELETE ON products BEGIN {old}; END",
    "update": "AFTER UPDATE OF words ON products WHEN old.words IS NOT new.words BEGIN {old}; {new}; END",
}
_NEW = "INSERT INTO product_words (rowid, words) VALUES (new.key_id, new.words)"
_OLD = "INSERT INTO product_words (product_words, rowid, words) VALUES ('delete', old.key_id, old.words)"


def upgrade() -> None:
    """Add the columns and fill them, then create what is made of them."""
    for name, comment in (
        ("piece", "whose offer it is; see catalog.pieces"),
        ("words", "what a text search looks in; see there too"),
    ):
        # With a default: SQLite would have to write the whole table anew for a column that has none.
        op.add_column("products", sa.Column(name, sa.Text, nullable=False, server_default="", comment=comment))
    op.create_table(
        "vocabulary",
        sa.Column("id", Id, nullable=False),
        sa.Column("word", sa.Text, nullable=False, comment="in the words of at least one product, once"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("word"),
    )
    _fill(op.get_bind())
    for name, columns in _INDEXES.items():
        op.create_index(name, "products", columns)
    for name in ("brand", "series"):
        lower = sa.text(f"lower({name})")
        op.create_index(f"ix_products_{name}_last_changed_key_id", "products", [lower, "last_changed", "key_id"])
    op.create_index("ix_changes_field_at_id", "changes", ["field", "at", "id"])
    if op.get_bind().dialect.name == "postgresql":
        op.create_index(
            "ix_products_words", "products", [sa.text("to_tsvector('simple', words)")], postgresql_using="gin"
        )
    else:
        _full_text(op.get_bind())
    _sessions()


def _fill(connection: sa.Connection) -> None:
    """Write pieces, words and vocabulary of the products that are there."""
    products = sa.table(
        "products",
        sa.column("id", sa.Uuid),
        *map(sa.column, ("key_id", "vendor", "piece", "words", *search_terms.IDENTITY)),
    )
    query = sa.select(*(products.c[name] for name in ("id", "key_id", "vendor", *search_terms.IDENTITY)))
    write = products.update().where(products.c.id == sa.bindparam("b_id"))
    write = write.values(piece=sa.bindparam("b_piece"), words=sa.bindparam("b_words"))
    vocabulary = sa.table("vocabulary", sa.column("word"))
    known: set[str] = set()
    after = 0
    while batch := connection.execute(
        query.where(products.c.key_id > after).order_by(products.c.key_id).limit(_BATCH)
    ).all():
        rows = [dict(zip(query.selected_columns.keys(), row, strict=True)) for row in batch]
        found = [_found(row) for row in rows]
        connection.execute(write, found)
        new = {word for one in found for word in search_terms.known_by(one["b_words"])} - known
        if new:
            connection.execute(vocabulary.insert(), [{"word": word} for word in sorted(new)])
        known |= new
        after = rows[-1]["key_id"]


def _found(row: dict[str, Any]) -> dict[str, Any]:
    columns = search_terms.columns(row["id"], row["vendor"], row)
    return {"b_id": row["id"]} | {f"b_{name}": value for name, value in columns.items()}


def _full_text(connection: sa.Connection) -> None:
    connection.exec_driver_sql(_FULL_TEXT)
    connection.exec_driver_sql("INSERT INTO product_words (product_words) VALUES ('rebuild')")
    for name, trigger in _TRIGGERS.items():
        connection.exec_driver_sql(f"CREATE TRIGGER product_words_{name} {trigger.format(new=_NEW, old=_OLD)}")


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("hash", sa.LargeBinary, nullable=False, comment="SHA-256 of the token"),
        sa.Column("kind", sa.Text, nullable=False, comment="session, or link: exchanged once for a session"),
        sa.Column("user", sa.Text, sa.ForeignKey("users.name"), nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("vendors", sa.JSON, comment="NULL means all"),
        sa.Column("key_id", sa.Text, comment="the key that signed in; the session ends with it. NULL for a link's"),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("hash"),
    )
    op.create_index("ix_sessions_user", "sessions", ["user"])
