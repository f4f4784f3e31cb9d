"""The catalog's tables; amounts are integers in minor units, times are aware and UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    Uuid,
)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time: timestamptz on PostgreSQL, microseconds since 1970 on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> Any:
        """Choose the column's type."""
        return dialect.type_descriptor(BigInteger() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse a naive time."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value!r} has no time zone")
        return (value - _EPOCH) // _MICROSECOND if dialect.name == "sqlite" else value

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give an aware time in UTC."""
        if value is None:
            return None
        if dialect.name == "sqlite":
            return _EPOCH + timedelta(microseconds=int(value))
        aware: datetime = value.astimezone(UTC)
        return aware


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
# SQLite numbers rows by itself only where the type is exactly INTEGER.
Id = BigInteger().with_variant(Integer, "sqlite")

listings = Table(
    "listings",
    metadata,
    Column("id", Id, primary_key=True),
    Column("vendor", Text, nullable=False),
    Column("path", Text, nullable=False),
    Column("release_year", SmallInteger),
    Column("entries", Integer, comment="in the last reading that counted"),
    Column("read_at", UtcDateTime),
    Column("changed_at", UtcDateTime, comment="when an entry of it was new or had changed"),
    Column("interval_seconds", Integer),
    Column("shrunk", SmallInteger, nullable=False, server_default="0", comment="readings in a row that were too small"),
    Column("shrunk_days", SmallInteger, nullable=False, server_default="0"),
    Column("shrunk_at", UtcDateTime, comment="when it was last too small"),
    UniqueConstraint("vendor", "path"),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Id, primary_key=True),
    Column("vendor", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("release_year", SmallInteger),
    Column("listing_id", ForeignKey("listings.id"), comment="the first listing it was seen in"),
    Column("listing_hash", LargeBinary, comment="the last listing entry, see catalog.fingerprint"),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
    Column("spread", SmallInteger, nullable=False, comment="0 to 999: when in the week its page is read again"),
    Column("page_due", Boolean, nullable=False, server_default="0"),
    Column("page_read_at", UtcDateTime),
    Column("page_failed_at", UtcDateTime),
    Column("gone_since", UtcDateTime),
    Column("etag", Text),
    Column("last_modified", Text),
    UniqueConstraint("vendor", "key"),
    Index("ix_keys_vendor_id", "vendor", "id"),
    postgresql_with={"fillfactor": 70},  # "seen" is written in place
)

key_aliases = Table(
    "key_aliases",
    metadata,
    Column("vendor", Text, primary_key=True),
    Column("alias", Text, primary_key=True),
    Column("key_id", ForeignKey("keys.id"), nullable=False),
    sqlite_with_rowid=False,
)

listing_keys = Table(
    "listing_keys",
    metadata,
    Column("listing_id", ForeignKey("listings.id"), primary_key=True),
    Column("key_id", ForeignKey("keys.id"), primary_key=True),
    Column("missed", SmallInteger, nullable=False, server_default="0", comment="complete readings in a row without it"),
    Column("missed_days", SmallInteger, nullable=False, server_default="0"),
    Column("last_missed_on", Date),
    Index("ix_listing_keys_key_id", "key_id"),
    sqlite_with_rowid=False,
)

products = Table(
    "products",
    metadata,
    Column("id", Uuid, primary_key=True, comment="UUIDv5 of vendor and key"),
    Column("key_id", ForeignKey("keys.id"), nullable=False, unique=True),
    Column("vendor", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("sku", Text),
    Column("gtin", Text),
    Column("brand", Text),
    Column("price_minor", BigInteger),
    Column("price_min_minor", BigInteger),
    Column("price_max_minor", BigInteger),
    Column("list_price_minor", BigInteger),
    Column("currency", Text),
    Column("availability", Text, nullable=False),
    Column("release_year", SmallInteger),
    Column("series", Text),
    Column("series_number", SmallInteger),
    Column("box", Text),
    Column("image_url", Text),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_changed", UtcDateTime, nullable=False),
    Column("read_at", UtcDateTime, nullable=False, comment="of the newest page or changed entry applied"),
    Index("ix_products_vendor_release_year", "vendor", "release_year"),
)

changes = Table(
    "changes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("product_id", ForeignKey("products.id"), nullable=False, index=True),
    Column("field", Text, nullable=False),
    Column("old", Text),
    Column("new", Text),
    Column("currency", Text, comment="of an amount, which is in minor units"),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("job_id", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("source", Text, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("vendor", Text, nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("state", Text, nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("finished_at", UtcDateTime),
    Column("outcome", JSON),
    Index("ix_jobs_vendor_started_at", "vendor", "started_at"),
)
