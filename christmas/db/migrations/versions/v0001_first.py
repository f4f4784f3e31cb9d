"""Every table of the catalog, as of the first release.

Frozen: it imports nothing of christmas, so that what it makes does not change when the code does.
"""

import sqlalchemy as sa
from alembic import op

revision = "first"
down_revision = None

# SQLite numbers rows by itself only where the type is exactly INTEGER, and keeps times as microseconds since 1970.
Id = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
Time = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
# A search asks for whole words and their beginnings, in any order: without positions and lengths it is half as large.
FULL_TEXT = """
    CREATE VIRTUAL TABLE product_words USING fts5 (
        words, content='products', content_rowid='key_id', tokenize='unicode61 remove_diacritics 0', detail=none,
        columnsize=0
    )
"""
NEW = "INSERT INTO product_words (rowid, words) VALUES (new.key_id, new.words)"
OLD = "INSERT INTO product_words (product_words, rowid, words) VALUES ('delete', old.key_id, old.words)"
TRIGGERS = {
    "insert": f"AFTER INSERT ON products BEGIN {NEW}; END",
    "delete": f"AFTER DELETE ON products BEGIN {OLD}; END",
    "update": f"AFTER UPDATE OF words ON products WHEN old.words IS NOT new.words BEGIN {OLD}; {NEW}; END",
}


def _partial(name: str, *columns: str, where: str, unique: bool = False) -> sa.Index:
    condition = sa.text(where)
    return sa.Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    """Create the tables and their indexes; on SQLite also the full-text index and its triggers."""
    connection = op.get_bind()
    metadata.create_all(connection)
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(FULL_TEXT)
        for name, trigger in TRIGGERS.items():
            connection.exec_driver_sql(f"CREATE TRIGGER product_words_{name} {trigger}")


sa.Table(
    "access_log",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("at", Time, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("user", sa.Text),
    sa.Column("role", sa.Text),
    sa.Column("key_id", sa.Text),
    sa.Column("resource", sa.Text, nullable=False),
    sa.Column("action", sa.Text, nullable=False),
    sa.Column("allowed", sa.Boolean, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Index("ix_access_log_at", "at"),
)
sa.Table(
    "eggs",
    metadata,
    sa.Column("project", sa.Text, primary_key=True),
    sa.Column("version", sa.Text, primary_key=True),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("sha256", sa.Text, nullable=False),
    sa.Column("spiders", sa.JSON, nullable=False, comment="name to whether it needs a browser"),
    sa.Column("uploaded_by", sa.Text),
    sa.Column("uploaded_at", Time, nullable=False),
)
sa.Table(
    "firings",
    metadata,
    sa.Column("schedule", sa.Text, primary_key=True),
    sa.Column("due_at", Time, primary_key=True),
    sa.Column("fired_at", Time, nullable=False),
    sa.Column("job_id", sa.Text),
    sa.Column("error", sa.Text),
)
sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("root_id", sa.Text, nullable=False),
    sa.Column("parent_id", sa.Text, comment="the job that created it first; see job_children for all"),
    sa.Column("after_id", sa.Text, comment="waits until that job has succeeded"),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("vendor", sa.Text),
    sa.Column("consumer", sa.Text, comment="the nodes that may take it; NULL for a job without a process"),
    sa.Column("arguments", sa.JSON, nullable=False),
    sa.Column("settings", sa.JSON, nullable=False, server_default="{}"),
    sa.Column("version", sa.Text, comment="of the egg; NULL is the newest, or the installed project"),
    sa.Column("priority", sa.Integer, nullable=False, server_default="0"),
    sa.Column("fingerprint", sa.Text, nullable=False, comment="the same job with the same arguments has the same"),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False, server_default="0"),
    sa.Column("attempts_max", sa.Integer, nullable=False, server_default="1"),
    sa.Column("node", sa.Text, comment="who runs it; NULL for a job without a process"),
    sa.Column("process", sa.Text, comment="the spider's process, see jobs.process_id"),
    sa.Column("cancel_requested", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("submitted_by", sa.Text),
    sa.Column("queued_at", Time, nullable=False),
    sa.Column("started_at", Time),
    sa.Column("heartbeat_at", Time),
    sa.Column("finished_at", Time),
    sa.Column("outcome", sa.JSON),
    sa.Column(
        "hooks", sa.JSON, nullable=False, server_default="[]", comment="post hooks: name, state, attempts, error"
    ),
    sa.Column("hooks_at", Time, comment="when the post hooks are to be run, again or for the first time"),
    sa.Index("ix_jobs_after_id", "after_id"),
    sa.Index("ix_jobs_finished_at", "finished_at"),
    sa.Index("ix_jobs_hooks_at", "hooks_at"),
    sa.Index("ix_jobs_node_queued_at", "node", "queued_at"),
    sa.Index("ix_jobs_queue", "state", "consumer", "priority", "queued_at"),
    sa.Index("ix_jobs_queued_at", "queued_at"),
    sa.Index("ix_jobs_root_id", "root_id"),
    sa.Index("ix_jobs_vendor_queued_at", "vendor", "queued_at"),
    _partial("ux_jobs_fetching", "vendor", where="state = 'running' AND node IS NOT NULL", unique=True),
    _partial("ux_jobs_open", "fingerprint", where="state IN ('queued', 'running')", unique=True),
)
sa.Table(
    "kept_pages",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("vendor", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("at", Time, nullable=False),
    sa.Column("job_id", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("encoding", sa.Text, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False, comment="compressed with zlib"),
    sa.Index("ix_kept_pages_vendor_id", "vendor", "id"),
)
sa.Table(
    "listings",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("vendor", sa.Text, nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("release_year", sa.SmallInteger),
    sa.Column("entries", sa.Integer, comment="in the last reading that counted"),
    sa.Column("read_at", Time),
    sa.Column("changed_at", Time, comment="when an entry of it was new or had changed"),
    sa.Column("interval_seconds", sa.Integer),
    sa.Column(
        "shrunk", sa.SmallInteger, nullable=False, server_default="0", comment="readings in a row that were too small"
    ),
    sa.Column("shrunk_days", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("shrunk_at", Time, comment="when it was last too small"),
    sa.UniqueConstraint("vendor", "path"),
)
sa.Table(
    "schedules",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("job", sa.Text, nullable=False),
    sa.Column("arguments", sa.JSON, nullable=False),
    sa.Column("cron", sa.Text),
    sa.Column("every_seconds", sa.Integer),
    sa.Column("timezone", sa.Text, nullable=False),
    sa.Column("jitter_seconds", sa.Integer, nullable=False),
    sa.Column("missed", sa.Text, nullable=False, comment="skip, once or all"),
    sa.Column("paused", sa.Boolean, nullable=False),
    sa.Column("origin", sa.Text, nullable=False, comment="configuration, or user where somebody changed or added it"),
    sa.Column("next_at", Time, nullable=False),
    sa.Column("changed_at", Time, nullable=False),
)
sa.Table(
    "users",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("created_at", Time, nullable=False),
)
sa.Table(
    "vendor_health",
    metadata,
    sa.Column("vendor", sa.Text, primary_key=True),
    sa.Column("state", sa.Text, nullable=False, comment="healthy, degraded, broken, blocked or unreachable"),
    sa.Column("kind", sa.Text, comment="what is wrong, in a word; NULL while healthy"),
    sa.Column("reason", sa.Text, nullable=False, comment="one sentence"),
    sa.Column("job_id", sa.Text, nullable=False, comment="the run that showed it last"),
    sa.Column("since", Time, nullable=False, comment="when it came into this state"),
    sa.Column("checked_at", Time, nullable=False),
    sa.Column("accepted_at", Time, comment="earlier runs are no measure any more"),
)
sa.Table(
    "vocabulary",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("word", sa.Text, nullable=False, comment="in the words of at least one product, once"),
    sa.UniqueConstraint("word"),
)
sa.Table(
    "api_keys",
    metadata,
    sa.Column("id", sa.Text, primary_key=True, comment="names the key without revealing it"),
    sa.Column("user", sa.Text, sa.ForeignKey("users.name"), nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("hash", sa.LargeBinary, nullable=False, comment="SHA-256 of the key"),
    sa.Column("vendors", sa.JSON, comment="NULL means all"),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("expires_at", Time),
    sa.Column("last_used_at", Time),
    sa.Column("revoked_at", Time),
    sa.UniqueConstraint("hash"),
    sa.Index("ix_api_keys_user", "user"),
)
sa.Table(
    "job_children",
    metadata,
    sa.Column("parent_id", sa.Text, sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("child_id", sa.Text, sa.ForeignKey("jobs.id"), primary_key=True),
    sa.Column("completed_at", Time),
    sa.Index("ix_job_children_child_id", "child_id"),
)
sa.Table(
    "keys",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("vendor", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("release_year", sa.SmallInteger),
    sa.Column("listing_id", Id, sa.ForeignKey("listings.id"), comment="the first listing it was seen in"),
    sa.Column("listing_hash", sa.LargeBinary, comment="the last listing entry, see catalog.writing.fingerprint"),
    sa.Column("first_seen", Time, nullable=False),
    sa.Column("last_seen", Time, nullable=False),
    sa.Column("spread", sa.SmallInteger, nullable=False, comment="0 to 999: when in the week its page is read again"),
    sa.Column("page_due", sa.Boolean, nullable=False, server_default="0"),
    sa.Column("page_read_at", Time),
    sa.Column("page_failed_at", Time),
    sa.Column("gone_since", Time),
    sa.Column("etag", sa.Text),
    sa.Column("last_modified", sa.Text),
    sa.Column("gone_as", sa.Text, comment="delisted or sold_out, once confirmed"),
    sa.Column("gone_checks", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("gone_checked_at", Time),
    sa.UniqueConstraint("vendor", "key"),
    _partial("ix_keys_gone", "vendor", "id", where="gone_since IS NOT NULL"),
    sa.Index("ix_keys_vendor_id", "vendor", "id"),
    postgresql_with={"fillfactor": 70},
)
sa.Table(
    "role_bindings",
    metadata,
    sa.Column("user", sa.Text, sa.ForeignKey("users.name"), primary_key=True),
    sa.Column("role", sa.Text, primary_key=True),
    sa.Column("bound_at", Time, nullable=False),
)
sa.Table(
    "sessions",
    metadata,
    sa.Column("hash", sa.LargeBinary, primary_key=True, comment="SHA-256 of the token"),
    sa.Column("kind", sa.Text, nullable=False, comment="session, or link: exchanged once for a session"),
    sa.Column("user", sa.Text, sa.ForeignKey("users.name"), nullable=False),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("vendors", sa.JSON, comment="NULL means all"),
    sa.Column("key_id", sa.Text, comment="the key that signed in; the session ends with it. NULL for a link's"),
    sa.Column("created_at", Time, nullable=False),
    sa.Column("expires_at", Time, nullable=False),
    sa.Index("ix_sessions_user", "user"),
)
sa.Table(
    "key_aliases",
    metadata,
    sa.Column("vendor", sa.Text, primary_key=True),
    sa.Column("alias", sa.Text, primary_key=True),
    sa.Column("key_id", Id, sa.ForeignKey("keys.id"), nullable=False),
    sqlite_with_rowid=False,
)
sa.Table(
    "listing_keys",
    metadata,
    sa.Column("listing_id", Id, sa.ForeignKey("listings.id"), primary_key=True),
    sa.Column("key_id", Id, sa.ForeignKey("keys.id"), primary_key=True),
    sa.Column(
        "missed", sa.SmallInteger, nullable=False, server_default="0", comment="complete readings in a row without it"
    ),
    sa.Column("missed_days", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("last_missed_on", sa.Date),
    sa.Index("ix_listing_keys_key_id", "key_id"),
    sqlite_with_rowid=False,
)
sa.Table(
    "products",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True, comment="UUIDv5 of vendor and key"),
    sa.Column("key_id", Id, sa.ForeignKey("keys.id"), nullable=False),
    sa.Column("vendor", sa.Text, nullable=False),
    sa.Column("sku", sa.Text),
    sa.Column("gtin", sa.Text),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("brand", sa.Text),
    sa.Column("release_year", sa.SmallInteger),
    sa.Column("series", sa.Text),
    sa.Column("series_number", sa.SmallInteger),
    sa.Column("box", sa.Text),
    sa.Column("price_minor", sa.BigInteger),
    sa.Column("price_min_minor", sa.BigInteger),
    sa.Column("price_max_minor", sa.BigInteger),
    sa.Column("list_price_minor", sa.BigInteger),
    sa.Column("currency", sa.Text),
    sa.Column("availability", sa.Text, nullable=False),
    sa.Column("image_url", sa.Text),
    sa.Column("first_seen", Time, nullable=False),
    sa.Column("last_changed", Time, nullable=False),
    sa.Column("read_at", Time, nullable=False, comment="of the newest page or changed entry applied"),
    sa.Column(
        "piece", sa.Text, nullable=False, server_default="", comment="whose offer it is; see catalog.search_terms"
    ),
    sa.Column(
        "words", sa.Text, nullable=False, server_default="", comment="what a text search looks in; see there too"
    ),
    sa.UniqueConstraint("key_id"),
    sa.Index("ix_products_availability_last_changed", "availability", "last_changed"),
    sa.Index("ix_products_brand_last_changed_key_id", sa.text("lower(brand)"), "last_changed", "key_id"),
    sa.Index("ix_products_currency_price_minor_key_id", "currency", "price_minor", "key_id"),
    sa.Index("ix_products_last_changed_key_id", "last_changed", "key_id"),
    sa.Index("ix_products_release_year_piece", "release_year", "piece"),
    sa.Index("ix_products_series_last_changed_key_id", sa.text("lower(series)"), "last_changed", "key_id"),
    sa.Index("ix_products_vendor_last_changed", "vendor", "last_changed"),
    sa.Index("ix_products_vendor_release_year", "vendor", "release_year"),
    sa.Index("ix_products_words", sa.text("to_tsvector('simple', words)"), postgresql_using="gin").ddl_if(
        dialect="postgresql"
    ),
)
sa.Table(
    "changes",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("product_id", sa.Uuid, sa.ForeignKey("products.id"), nullable=False),
    sa.Column("field", sa.Text, nullable=False),
    sa.Column("old", sa.Text),
    sa.Column("new", sa.Text),
    sa.Column("currency", sa.Text, comment="of an amount, which is in minor units"),
    sa.Column("at", Time, nullable=False),
    sa.Column("job_id", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Index("ix_changes_at", "at"),
    sa.Index("ix_changes_field_at_id", "field", "at", "id"),
    sa.Index("ix_changes_product_id", "product_id"),
)
sa.Table(
    "held_changes",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("vendor", sa.Text, nullable=False),
    sa.Column("product_id", sa.Uuid, sa.ForeignKey("products.id"), nullable=False),
    sa.Column("field", sa.Text, nullable=False),
    sa.Column("old", sa.Text),
    sa.Column("new", sa.Text),
    sa.Column("currency", sa.Text, comment="of an amount, which is in minor units"),
    sa.Column("at", Time, nullable=False),
    sa.Column("job_id", sa.Text, nullable=False),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("group_id", sa.Text, comment="the run whose changes are held as a whole"),
    sa.Column("page_id", sa.BigInteger, comment="of kept_pages"),
    sa.Column("state", sa.Text, nullable=False, comment="held, released, discarded or withdrawn"),
    sa.Column("agrees", sa.Boolean, comment="whether a second reading did; NULL where there was none that could"),
    sa.Column("checked_at", Time, comment="when its page was read a second time"),
    sa.Column("decided_at", Time),
    sa.Column("decided_by", sa.Text),
    sa.Index("ix_held_changes_product_id", "product_id"),
    sa.Index("ix_held_changes_vendor_state_id", "vendor", "state", "id"),
    _partial("ux_held_changes", "product_id", "field", where="state = 'held'", unique=True),
)
