"""The catalog: keys, listings, products, changes and the record of runs."""

import sqlalchemy as sa
from alembic import op

from christmas.db.types import UtcDateTime

revision = "0001"
down_revision = None

Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Create every table."""
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("arguments", sa.JSON(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime(), nullable=True),
        sa.Column("outcome", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_jobs")),
    )
    op.create_index("ix_jobs_vendor_started_at", "jobs", ["vendor", "started_at"], unique=False)
    op.create_table(
        "listings",
        sa.Column("id", Id, nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("release_year", sa.SmallInteger(), nullable=True),
        sa.Column("entries", sa.Integer(), nullable=True, comment="in the last reading that counted"),
        sa.Column("read_at", UtcDateTime(), nullable=True),
        sa.Column("changed_at", UtcDateTime(), nullable=True, comment="when an entry of it was new or had changed"),
        sa.Column("interval_seconds", sa.Integer(), nullable=True),
        sa.Column(
            "shrunk",
            sa.SmallInteger(),
            server_default="0",
            nullable=False,
            comment="readings in a row that were too small",
        ),
        sa.Column("shrunk_days", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("shrunk_at", UtcDateTime(), nullable=True, comment="when it was last too small"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_listings")),
        sa.UniqueConstraint("vendor", "path", name=op.f("uq_listings_vendor_path")),
    )
    op.create_table(
        "keys",
        sa.Column("id", Id, nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("release_year", sa.SmallInteger(), nullable=True),
        sa.Column("listing_id", Id, nullable=True, comment="the first listing it was seen in"),
        sa.Column(
            "listing_hash", sa.LargeBinary(), nullable=True, comment="the last listing entry, see catalog.fingerprint"
        ),
        sa.Column("first_seen", UtcDateTime(), nullable=False),
        sa.Column("last_seen", UtcDateTime(), nullable=False),
        sa.Column(
            "spread", sa.SmallInteger(), nullable=False, comment="0 to 999: when in the week its page is read again"
        ),
        sa.Column("page_due", sa.Boolean(), server_default="0", nullable=False),
        sa.Column("page_read_at", UtcDateTime(), nullable=True),
        sa.Column("page_failed_at", UtcDateTime(), nullable=True),
        sa.Column("gone_since", UtcDateTime(), nullable=True),
        sa.Column("etag", sa.Text(), nullable=True),
        sa.Column("last_modified", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_keys_listing_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_keys")),
        sa.UniqueConstraint("vendor", "key", name=op.f("uq_keys_vendor_key")),
        postgresql_with={"fillfactor": 70},
    )
    op.create_index("ix_keys_vendor_id", "keys", ["vendor", "id"], unique=False)
    op.create_table(
        "key_aliases",
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("alias", sa.Text(), nullable=False),
        sa.Column("key_id", Id, nullable=False),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name=op.f("fk_key_aliases_key_id")),
        sa.PrimaryKeyConstraint("vendor", "alias", name=op.f("pk_key_aliases")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "listing_keys",
        sa.Column("listing_id", Id, nullable=False),
        sa.Column("key_id", Id, nullable=False),
        sa.Column(
            "missed",
            sa.SmallInteger(),
            server_default="0",
            nullable=False,
            comment="complete readings in a row without it",
        ),
        sa.Column("missed_days", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("last_missed_on", sa.Date(), nullable=True),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name=op.f("fk_listing_keys_key_id")),
        sa.ForeignKeyConstraint(["listing_id"], ["listings.id"], name=op.f("fk_listing_keys_listing_id")),
        sa.PrimaryKeyConstraint("listing_id", "key_id", name=op.f("pk_listing_keys")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_listing_keys_key_id", "listing_keys", ["key_id"], unique=False)
    op.create_table(
        "products",
        sa.Column("id", sa.Uuid(), nullable=False, comment="UUIDv5 of vendor and key"),
        sa.Column("key_id", Id, nullable=False),
        sa.Column("vendor", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sku", sa.Text(), nullable=True),
        sa.Column("gtin", sa.Text(), nullable=True),
        sa.Column("brand", sa.Text(), nullable=True),
        sa.Column("price_minor", sa.BigInteger(), nullable=True),
        sa.Column("price_min_minor", sa.BigInteger(), nullable=True),
        sa.Column("price_max_minor", sa.BigInteger(), nullable=True),
        sa.Column("list_price_minor", sa.BigInteger(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True),
        sa.Column("availability", sa.Text(), nullable=False),
        sa.Column("release_year", sa.SmallInteger(), nullable=True),
        sa.Column("series", sa.Text(), nullable=True),
        sa.Column("series_number", sa.SmallInteger(), nullable=True),
        sa.Column("box", sa.Text(), nullable=True),
        sa.Column("image_url", sa.Text(), nullable=True),
        sa.Column("first_seen", UtcDateTime(), nullable=False),
        sa.Column("last_changed", UtcDateTime(), nullable=False),
        sa.Column("read_at", UtcDateTime(), nullable=False, comment="of the newest page or changed entry applied"),
        sa.ForeignKeyConstraint(["key_id"], ["keys.id"], name=op.f("fk_products_key_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_products")),
        sa.UniqueConstraint("key_id", name=op.f("uq_products_key_id")),
    )
    op.create_index("ix_products_vendor_release_year", "products", ["vendor", "release_year"], unique=False)
    op.create_table(
        "changes",
        sa.Column("id", Id, nullable=False),
        sa.Column("product_id", sa.Uuid(), nullable=False),
        sa.Column("field", sa.Text(), nullable=False),
        sa.Column("old", sa.Text(), nullable=True),
        sa.Column("new", sa.Text(), nullable=True),
        sa.Column("currency", sa.Text(), nullable=True, comment="of an amount, which is in minor units"),
        sa.Column("at", UtcDateTime(), nullable=False),
        sa.Column("job_id", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["product_id"], ["products.id"], name=op.f("fk_changes_product_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_changes")),
    )
    op.create_index(op.f("ix_changes_at"), "changes", ["at"], unique=False)
    op.create_index(op.f("ix_changes_product_id"), "changes", ["product_id"], unique=False)
