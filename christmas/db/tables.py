"""The catalog's tables; amounts are integers in minor units, times are aware and UTC."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Date,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    false,
    func,
    text,
)

from christmas.db.types import UtcDateTime
from christmas.items import DECLARED, Kind

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
    Column("listing_hash", LargeBinary, comment="the last listing entry, see catalog.writing.fingerprint"),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_seen", UtcDateTime, nullable=False),
    Column("spread", SmallInteger, nullable=False, comment="0 to 999: when in the week its page is read again"),
    Column("page_due", Boolean, nullable=False, server_default="0"),
    Column("page_read_at", UtcDateTime),
    Column("page_failed_at", UtcDateTime),
    Column("gone_since", UtcDateTime),
    Column("etag", Text),
    Column("last_modified", Text),
    Column("gone_as", Text, comment="delisted or sold_out, once confirmed"),
    Column("gone_checks", SmallInteger, nullable=False, server_default="0"),
    Column("gone_checked_at", UtcDateTime),
    UniqueConstraint("vendor", "key"),
    Index("ix_keys_vendor_id", "vendor", "id"),
    postgresql_with={"fillfactor": 70},  # "seen" is written in place
)
_gone = keys.c.gone_since.is_not(None)
Index("ix_keys_gone", keys.c.vendor, keys.c.id, sqlite_where=_gone, postgresql_where=_gone)

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

_TYPES: dict[Kind, type[Text | BigInteger | SmallInteger]] = {Kind.NUMBER: SmallInteger, Kind.AMOUNT: BigInteger}
products = Table(
    "products",
    metadata,
    Column("id", Uuid, primary_key=True, comment="UUIDv5 of vendor and key"),
    Column("key_id", ForeignKey("keys.id"), nullable=False, unique=True),
    Column("vendor", Text, nullable=False),
    *(Column(one.name, _TYPES.get(one.kind, Text), nullable=not one.required) for one in DECLARED),
    Column("first_seen", UtcDateTime, nullable=False),
    Column("last_changed", UtcDateTime, nullable=False),
    Column("read_at", UtcDateTime, nullable=False, comment="of the newest page or changed entry applied"),
    Column("piece", Text, nullable=False, server_default="", comment="whose offer it is; see catalog.search_terms"),
    Column("words", Text, nullable=False, server_default="", comment="what a text search looks in; see there too"),
    Index("ix_products_vendor_release_year", "vendor", "release_year"),
    Index("ix_products_release_year_piece", "release_year", "piece"),
    Index("ix_products_last_changed_key_id", "last_changed", "key_id"),
    Index("ix_products_vendor_last_changed", "vendor", "last_changed"),
    Index("ix_products_currency_price_minor_key_id", "currency", "price_minor", "key_id"),
    Index("ix_products_availability_last_changed", "availability", "last_changed"),
    # SQLite's full-text index is the virtual table `product_words`, kept by triggers; its rows are numbered by key_id.
    Index("ix_products_words", text("to_tsvector('simple', words)"), postgresql_using="gin").ddl_if("postgresql"),
)

for _name in ("brand", "series"):
    Index(
        f"ix_products_{_name}_last_changed_key_id", func.lower(products.c[_name]), products.c.last_changed,
        products.c.key_id,
    )  # fmt: skip

vocabulary = Table(
    "vocabulary",
    metadata,
    Column("id", Id, primary_key=True),
    Column("word", Text, nullable=False, unique=True, comment="in the words of at least one product, once"),
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
    Index("ix_changes_field_at_id", "field", "at", "id"),
)

kept_pages = Table(
    "kept_pages",
    metadata,
    Column("id", Id, primary_key=True),
    Column("vendor", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("encoding", Text, nullable=False),
    Column("body", LargeBinary, nullable=False, comment="compressed with zlib"),
    Index("ix_kept_pages_vendor_id", "vendor", "id"),
)

held_changes = Table(
    "held_changes",
    metadata,
    Column("id", Id, primary_key=True),
    Column("vendor", Text, nullable=False),
    Column("product_id", ForeignKey("products.id"), nullable=False, index=True),
    Column("field", Text, nullable=False),
    Column("old", Text),
    Column("new", Text),
    Column("currency", Text, comment="of an amount, which is in minor units"),
    Column("at", UtcDateTime, nullable=False),
    Column("job_id", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("group_id", Text, comment="the run whose changes are held as a whole"),
    Column("page_id", BigInteger, comment="of kept_pages"),
    Column("state", Text, nullable=False, comment="held, released, discarded or withdrawn"),
    Column("agrees", Boolean, comment="whether a second reading did; NULL where there was none that could"),
    Column("checked_at", UtcDateTime, comment="when its page was read a second time"),
    Column("decided_at", UtcDateTime),
    Column("decided_by", Text),
    Index("ix_held_changes_vendor_state_id", "vendor", "state", "id"),
)
# One open change for each field of a product: a newer reading takes its place.
_held = held_changes.c.state == "held"
Index(
    "ux_held_changes", held_changes.c.product_id, held_changes.c.field, unique=True, sqlite_where=_held,
    postgresql_where=_held,
)  # fmt: skip

vendor_health = Table(
    "vendor_health",
    metadata,
    Column("vendor", Text, primary_key=True),
    Column("state", Text, nullable=False, comment="healthy, degraded, broken, blocked or unreachable"),
    Column("kind", Text, comment="what is wrong, in a word; NULL while healthy"),
    Column("reason", Text, nullable=False, comment="one sentence"),
    Column("job_id", Text, nullable=False, comment="the run that showed it last"),
    Column("since", UtcDateTime, nullable=False, comment="when it came into this state"),
    Column("checked_at", UtcDateTime, nullable=False),
    Column("accepted_at", UtcDateTime, comment="earlier runs are no measure any more"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("root_id", Text, nullable=False),
    Column("parent_id", Text, comment="the job that created it first; see job_children for all"),
    Column("after_id", Text, comment="waits until that job has succeeded"),
    Column("name", Text, nullable=False),
    Column("vendor", Text),
    Column("consumer", Text, comment="the nodes that may take it; NULL for a job without a process"),
    Column("arguments", JSON, nullable=False),
    Column("settings", JSON, nullable=False, server_default="{}"),
    Column("version", Text, comment="of the egg; NULL is the newest, or the installed project"),
    Column("priority", Integer, nullable=False, server_default="0"),
    Column("fingerprint", Text, nullable=False, comment="the same job with the same arguments has the same"),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False, server_default="0"),
    Column("attempts_max", Integer, nullable=False, server_default="1"),
    Column("node", Text, comment="who runs it; NULL for a job without a process"),
    Column("process", Text, comment="the spider's process, see jobs.process_id"),
    Column("cancel_requested", Boolean, nullable=False, server_default=false()),
    Column("submitted_by", Text),
    Column("queued_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("heartbeat_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("outcome", JSON),
    Column("hooks", JSON, nullable=False, server_default="[]", comment="post hooks: name, state, attempts, error"),
    Column("hooks_at", UtcDateTime, comment="when the post hooks are to be run, again or for the first time"),
    Index("ix_jobs_vendor_queued_at", "vendor", "queued_at"),
    Index("ix_jobs_queue", "state", "consumer", "priority", "queued_at"),
    Index("ix_jobs_queued_at", "queued_at"),
    Index("ix_jobs_node_queued_at", "node", "queued_at"),
    Index("ix_jobs_root_id", "root_id"),
    Index("ix_jobs_after_id", "after_id"),
    Index("ix_jobs_hooks_at", "hooks_at"),
    Index("ix_jobs_finished_at", "finished_at"),
)
_open = jobs.c.state.in_(["queued", "running"])
_fetching = (jobs.c.state == "running") & jobs.c.node.is_not(None)
# The database itself answers a repeated job with the one that is open, and keeps a vendor to one fetching run.
Index("ux_jobs_open", jobs.c.fingerprint, unique=True, sqlite_where=_open, postgresql_where=_open)
Index("ux_jobs_fetching", jobs.c.vendor, unique=True, sqlite_where=_fetching, postgresql_where=_fetching)

job_children = Table(
    "job_children",
    metadata,
    Column("parent_id", ForeignKey("jobs.id"), primary_key=True),
    Column("child_id", ForeignKey("jobs.id"), primary_key=True),
    Column("completed_at", UtcDateTime),
    Index("ix_job_children_child_id", "child_id"),
)

schedules = Table(
    "schedules",
    metadata,
    Column("name", Text, primary_key=True),
    Column("job", Text, nullable=False),
    Column("arguments", JSON, nullable=False),
    Column("cron", Text),
    Column("every_seconds", Integer),
    Column("timezone", Text, nullable=False),
    Column("jitter_seconds", Integer, nullable=False),
    Column("missed", Text, nullable=False, comment="skip, once or all"),
    Column("paused", Boolean, nullable=False),
    Column("origin", Text, nullable=False, comment="configuration, or user where somebody changed or added it"),
    Column("next_at", UtcDateTime, nullable=False),
    Column("changed_at", UtcDateTime, nullable=False),
)

firings = Table(
    "firings",
    metadata,
    Column("schedule", Text, primary_key=True),
    Column("due_at", UtcDateTime, primary_key=True),
    Column("fired_at", UtcDateTime, nullable=False),
    Column("job_id", Text),
    Column("error", Text),
)

users = Table(
    "users", metadata, Column("name", Text, primary_key=True), Column("created_at", UtcDateTime, nullable=False)
)

role_bindings = Table(
    "role_bindings",
    metadata,
    Column("user", ForeignKey("users.name"), primary_key=True),
    Column("role", Text, primary_key=True),
    Column("bound_at", UtcDateTime, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", Text, primary_key=True, comment="names the key without revealing it"),
    Column("user", ForeignKey("users.name"), nullable=False, index=True),
    Column("role", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True, comment="SHA-256 of the key"),
    Column("vendors", JSON, comment="NULL means all"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime),
    Column("last_used_at", UtcDateTime),
    Column("revoked_at", UtcDateTime),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", LargeBinary, primary_key=True, comment="SHA-256 of the token"),
    Column("kind", Text, nullable=False, comment="session, or link: exchanged once for a session"),
    Column("user", ForeignKey("users.name"), nullable=False, index=True),
    Column("role", Text, nullable=False),
    Column("vendors", JSON, comment="NULL means all"),
    Column("key_id", Text, comment="the key that signed in; the session ends with it. NULL for a link's"),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

access_log = Table(
    "access_log",
    metadata,
    Column("id", Id, primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("address", Text, nullable=False),
    Column("user", Text),
    Column("role", Text),
    Column("key_id", Text),
    Column("resource", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("allowed", Boolean, nullable=False),
    Column("reason", Text),
)

eggs = Table(
    "eggs",
    metadata,
    Column("project", Text, primary_key=True),
    Column("version", Text, primary_key=True),
    Column("content", LargeBinary, nullable=False),
    Column("sha256", Text, nullable=False),
    Column("spiders", JSON, nullable=False, comment="name to whether it needs a browser"),
    Column("uploaded_by", Text),
    Column("uploaded_at", UtcDateTime, nullable=False),
)
