"""Reads of changes; amounts become decimal strings under the field's plain name."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    Connection,
    Select,
    Text,
    Uuid,
    and_,
    any_,
    case,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.sql.elements import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from christmas.db.dialects import any_of, select_indexed
from christmas.db.tables import changes, products
from christmas.errors import ArgumentError
from christmas.items import BUYABLE, NOT_BUYABLE
from christmas.reading.money import format_amount, from_minor

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from datetime import datetime

# By how much the clocks of two nodes may differ.
CLOCKS_APART = timedelta(minutes=5)
# What a change can mean to a collector; a price that appeared or vanished neither fell nor rose.
KINDS = ("fell", "rose", "back", "sold_out")

# Up to this many products, all their changes are sorted; of more, in a catalog of a million, 50 changes are found among
# the newest 50,000 where no vendor changes more often than others.
FEW_PRODUCTS = 1000
_COLUMNS = (*changes.c, products.c.vendor, products.c.name, products.c.piece, products.c.release_year)


@dataclass(frozen=True, slots=True)
class ChangeRow:
    """One field of one product going from one value to another.

    ``field`` of an amount is ``price`` and the like, ``old`` and ``new`` are decimal strings in ``currency``, and
    ``old_minor`` and ``new_minor`` the same in minor units; these three are None for all other fields.
    """

    id: int
    product_id: UUID
    vendor: str
    name: str
    piece: str
    release_year: int | None
    field: str
    old: str | None
    new: str | None
    old_minor: int | None
    new_minor: int | None
    currency: str | None
    at: datetime
    job: str
    url: str
    source: str


@dataclass(frozen=True, slots=True)
class JobChange:
    """One change with its product; amounts are decimal strings under the field's plain name."""

    name: str
    release_year: int | None
    piece: str
    field: str
    old: str | None
    new: str | None
    currency: str | None
    at: datetime


def history(connection: Connection, product_id: UUID) -> list[ChangeRow]:
    """Return every change of one product, the oldest first; [] where nothing has changed."""
    query = _query().where(changes.c.product_id == product_id).order_by(changes.c.id)
    return [_row(row) for row in connection.execute(query)]


def of_products(connection: Connection, ids: Collection[UUID], fields: Collection[str]) -> list[ChangeRow]:
    """Return the changes of some fields (columns of products) of some products, the oldest first; [] for none."""
    if not ids:
        return []
    column = changes.c.product_id
    is_one: ColumnElement[bool]
    if connection.dialect.name == "sqlite":
        is_one = column.in_(any_of(connection, list(ids), Uuid))
    else:
        is_one = column == any_(literal(list(ids), ARRAY(Uuid)))  # which is planned by the number of ids
    query = (
        _query("ix_changes_product_id").where(is_one, changes.c.field.in_(fields)).order_by(changes.c.at, changes.c.id)
    )
    return [_row(row) for row in connection.execute(query)]


def latest(
    connection: Connection, *, limit: int, since: datetime | None = None, vendor: str | None = None
) -> list[ChangeRow]:
    """Return the changes that were written last, the last first."""
    query = _query().order_by(changes.c.id.desc()).limit(limit)
    if since is not None:
        query = query.where(changes.c.at >= since)
    if vendor is not None:
        query = query.where(products.c.vendor == vendor)
    return [_row(row) for row in connection.execute(query)]


def feed(
    connection: Connection,
    *,
    kind: str | None = None,
    vendor: str | None = None,
    vendors: Collection[str] | None = None,
    since: datetime | None = None,
    before: tuple[datetime, int] | None = None,
    limit: int,
) -> list[ChangeRow]:
    """Return the newest changes by when they were read and id, the newest first.

    ``vendors`` are those that may be seen, None means all; ``since`` is the first moment that counts, ``before`` time
    and id of the last change already seen. Raise ArgumentError for a kind that is none of ``KINDS``.
    """
    scope: list[Callable[[ColumnElement[str]], ColumnElement[bool]]] = []
    if vendor is not None:
        scope.append(lambda column: column == vendor)
    if vendors is not None:
        scope.append(lambda column: column.in_(vendors))
    index, of_vendor = _way(connection, [condition(products.c.vendor) for condition in scope], kind)
    conditions = [condition(of_vendor) for condition in scope]
    if kind is not None:
        conditions.append(_meaning(kind))
    if since is not None:
        conditions.append(changes.c.at >= since)
    if before is not None:
        at, id_ = before
        # The first half alone is what the index on `at` can begin with.
        conditions.append(and_(changes.c.at <= at, or_(changes.c.at < at, changes.c.id < id_)))
    query = _query(index).where(*conditions).order_by(changes.c.at.desc(), changes.c.id.desc()).limit(limit)
    return [_row(row) for row in connection.execute(query)]


def of_jobs(
    connection: Connection, job_ids: Sequence[str], since: datetime, until: datetime | None, limit: int
) -> list[JobChange]:
    """Return what these jobs have changed, the newest first.

    ``since`` is when the first of them was submitted, ``until`` when the last one ended, None where one is open. Looked
    for by time, which has an index: the changes between are those of a few runs.
    """
    columns = (
        products.c.name, products.c.release_year, products.c.piece, changes.c.field, changes.c.old,
        changes.c.new, changes.c.currency, changes.c.at,
    )  # fmt: skip
    query = (
        select(*columns)
        .join(products, products.c.id == changes.c.product_id)
        .where(changes.c.at >= since, changes.c.job_id.in_(any_of(connection, list(job_ids), Text)))
        .order_by(changes.c.at.desc(), changes.c.id.desc())
        .limit(limit)
    )
    if until is not None:
        query = query.where(changes.c.at <= until + CLOCKS_APART)
    return [
        JobChange(
            name, year, piece, field.removesuffix("_minor"), shown(field, old, currency), shown(field, new, currency),
            currency, at,
        )
        for name, year, piece, field, old, new, currency, at in connection.execute(query)
    ]  # fmt: skip


def _way(
    connection: Connection, of_vendors: list[ColumnElement[bool]], kind: str | None
) -> tuple[str, ColumnElement[str]]:
    """Return the index of changes that SQLite is to take, and the vendor's column; PostgreSQL knows the numbers itself.

    It walks back in time, of a kind among the changes of its field; but among all changes those of a few products
    would be sought for long.
    """
    if connection.dialect.name != "sqlite":
        return "", products.c.vendor
    if of_vendors:
        some = select(products.c.vendor).where(*of_vendors).limit(FEW_PRODUCTS + 1).subquery()
        if (connection.scalar(select(func.count()).select_from(some)) or 0) <= FEW_PRODUCTS:
            return "ix_changes_product_id", products.c.vendor
    # The sign keeps it from beginning with the vendor's products, whose changes it would have to sort.
    index = "ix_changes_at" if kind is None else "ix_changes_field_at_id"
    return index, UnaryExpression(products.c.vendor, operator=custom_op("+"))


def _meaning(kind: str) -> ColumnElement[bool]:
    old, new = changes.c.old, changes.c.new
    if kind in ("fell", "rose"):
        # PostgreSQL may test conditions in any order, and no other field's values are numbers.
        before, after = (case((changes.c.field == "price_minor", cast(text, BigInteger))) for text in (old, new))
        moved = after < before if kind == "fell" else after > before
        return and_(changes.c.field == "price_minor", moved, ~_another_currency())
    if kind in ("back", "sold_out"):
        ended, there = (old, new) if kind == "back" else (new, old)
        return and_(changes.c.field == "availability", ended.in_(NOT_BUYABLE), there.in_(BUYABLE))
    raise ArgumentError(f"{kind!r} is not a kind of change: use one of {', '.join(KINDS)}.")


def _another_currency() -> ColumnElement[bool]:
    """Return whether the product's currency changed at the same moment: then its two prices cannot be compared."""
    other = changes.alias("other")
    found = select_indexed(other, "ix_changes_product_id", other.c.id)  # many were read at one moment
    return exists(
        found.where(other.c.product_id == changes.c.product_id, other.c.at == changes.c.at, other.c.field == "currency")
    )


def _query(index: str | None = None) -> Select[Any]:
    columns = select(*_COLUMNS) if index is None else select_indexed(changes, index, *_COLUMNS)
    return columns.join(products, products.c.id == changes.c.product_id)


def _row(row: Any) -> ChangeRow:
    amount = row.field.endswith("_minor")
    return ChangeRow(
        id=row.id,
        product_id=row.product_id,
        vendor=row.vendor,
        name=row.name,
        piece=row.piece,
        release_year=row.release_year,
        field=row.field.removesuffix("_minor"),
        old=shown(row.field, row.old, row.currency),
        new=shown(row.field, row.new, row.currency),
        old_minor=int(row.old) if amount and row.old is not None else None,
        new_minor=int(row.new) if amount and row.new is not None else None,
        currency=row.currency,
        at=row.at,
        job=row.job_id,
        url=row.url,
        source=row.source,
    )


def shown(field: str, value: str | None, currency: str | None) -> str | None:
    """Return a change's value for people: an amount as a decimal text in its currency, others as they are."""
    if value is None or not field.endswith("_minor"):
        return value
    return format_amount(from_minor(int(value), currency or "USD"), currency)
