"""What the auditor keeps: held changes, the vendors' health, kept pages; and what is known of keys that are gone.

Written against the tables as they were then; later changes get migrations of their own.
"""

import sqlalchemy as sa
from alembic import op

from christmas.db.tables import Id
from christmas.db.types import UtcDateTime

revision = "0003"
down_revision = "0002"

HELD = sa.text("state = 'held'")


def upgrade() -> None:
    """Create the tables, and add the columns of keys."""
    _kept_pages()
    _held_changes()
    op.create_table(
        "vendor_health",
        sa.Column("vendor", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False, comment="healthy, degraded, broken, blocked or unreachable"),
        sa.Column("kind", sa.Text, comment="what is wrong, in a word; NULL while healthy"),
        sa.Column("reason", sa.Text, nullable=False, comment="one sentence"),
        sa.Column("job_id", sa.Text, nullable=False, comment="the run that showed it last"),
        sa.Column("since", UtcDateTime, nullable=False, comment="when it came into this state"),
        sa.Column("checked_at", UtcDateTime, nullable=False),
        sa.Column("accepted_at", UtcDateTime, comment="earlier runs are no measure any more"),
        sa.PrimaryKeyConstraint("vendor"),
    )
    op.add_column("keys", sa.Column("gone_as", sa.Text, comment="delisted or sold_out, once confirmed"))
    op.add_column("keys", sa.Column("gone_checks", sa.SmallInteger, nullable=False, server_default="0"))
    op.add_column("keys", sa.Column("gone_checked_at", UtcDateTime))
    gone = sa.text("gone_since IS NOT NULL")
    op.create_index("ix_keys_gone", "keys", ["vendor", "id"], sqlite_where=gone, postgresql_where=gone)
    op.create_index("ix_jobs_finished_at", "jobs", ["finished_at"])


def _kept_pages() -> None:
    op.create_table(
        "kept_pages",
        sa.Column("id", Id, nullable=False),
        sa.Column("vendor", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("encoding", sa.Text, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False, comment="compressed with zlib"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_kept_pages_vendor_id", "kept_pages", ["vendor", "id"])


def _held_changes() -> None:
    op.create_table(
        "held_changes",
        sa.Column("id", Id, nullable=False),
        sa.Column("vendor", sa.Text, nullable=False),
        sa.Column("product_id", sa.Uuid, sa.ForeignKey("products.id"), nullable=False),
        sa.Column("field", sa.Text, nullable=False),
        sa.Column("old", sa.Text),
        sa.Column("new", sa.Text),
        sa.Column("currency", sa.Text, comment="of an amount, which is in minor units"),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("group_id", sa.Text, comment="the run whose changes are held as a whole"),
        sa.Column("page_id", sa.BigInteger, comment="of kept_pages"),
        sa.Column("state", sa.Text, nullable=False, comment="held, released, discarded or withdrawn"),
        sa.Column("agrees", sa.Boolean, comment="whether a second reading did; NULL where there was none that could"),
        sa.Column("checked_at", UtcDateTime, comment="when its page was read a second time"),
        sa.Column("decided_at", UtcDateTime),
        sa.Column("decided_by", sa.Text),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_held_changes_vendor_state_id", "held_changes", ["vendor", "state", "id"])
    op.create_index("ix_held_changes_product_id", "held_changes", ["product_id"])
    op.create_index(
        "ux_held_changes", "held_changes", ["product_id", "field"], unique=True, sqlite_where=HELD,
        postgresql_where=HELD,
    )  # fmt: skip
