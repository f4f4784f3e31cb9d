"""What the full-text index of either database says, and whether it is right."""

from __future__ import annotations

from sqlalchemy import Connection, text


def find_by_words(connection: Connection, *words: str) -> list[str]:
    """Return the keys of the products that the full-text index has under all of the words."""
    if connection.dialect.name == "sqlite":
        condition = "p.key_id IN (SELECT rowid FROM product_words WHERE product_words MATCH :asked)"
    else:
        condition = "to_tsvector('simple', words) @@ to_tsquery('simple', :asked)"
    asked = (" " if connection.dialect.name == "sqlite" else " & ").join(words)
    query = f"SELECT k.key FROM products p JOIN keys k ON k.id = p.key_id WHERE {condition} ORDER BY k.key"
    return list(connection.scalars(text(query), {"asked": asked}))


def check_index(connection: Connection) -> None:
    """Let SQLite compare its full-text index with the products."""
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("INSERT INTO product_words (product_words, rank) VALUES ('integrity-check', 1)")
