"""The queue, the schedules, the users and their keys, the eggs.

Written against the tables as they were then; later changes get migrations of their own.
"""

import sqlalchemy as sa
from alembic import op

from christmas.db.tables import Id
from christmas.db.types import UtcDateTime

revision = "0002"
down_revision = "0001"

OPEN = sa.text("state IN ('queued', 'running')")
FETCHING = sa.text("state = 'running' AND node IS NOT NULL")


def upgrade() -> None:
    """Make a queue of the records of runs, and create the other tables."""
    op.rename_table("jobs", "old_jobs")
    op.drop_index("ix_jobs_vendor_started_at", "old_jobs")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX pk_jobs RENAME TO pk_old_jobs")
    _jobs()
    # A run that an older christmas had under way cannot be told from one that was killed.
    op.execute(
        "INSERT INTO jobs (id, root_id, name, vendor, consumer, arguments, settings, fingerprint, state, attempt,"
        " queued_at, started_at, finished_at, outcome, hooks)"
        " SELECT id, id, name, vendor, 'integrator', arguments, '{}', id,"
        " CASE state WHEN 'running' THEN 'failed' ELSE state END, 1, started_at, started_at, finished_at, outcome, '[]'"
        " FROM old_jobs"
    )
    op.drop_table("old_jobs")
    _schedules()
    _access()
    op.create_table(
        "eggs",
        sa.Column("project", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("sha256", sa.Text, nullable=False),
        sa.Column("spiders", sa.JSON, nullable=False, comment="name to whether it needs a browser"),
        sa.Column("uploaded_by", sa.Text),
        sa.Column("uploaded_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("project", "version"),
    )


def _jobs() -> None:
    op.create_table(
        "jobs",
        sa.Column("id", sa.Text, nullable=False),
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
        sa.Column("process", sa.Text, comment="the spider's process, see catalog.process"),
        sa.Column("cancel_requested", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("submitted_by", sa.Text),
        sa.Column("queued_at", UtcDateTime, nullable=False),
        sa.Column("started_at", UtcDateTime),
        sa.Column("heartbeat_at", UtcDateTime),
        sa.Column("finished_at", UtcDateTime),
        sa.Column("outcome", sa.JSON),
        sa.Column(
            "hooks", sa.JSON, nullable=False, server_default="[]", comment="post hooks: name, state, attempts, error"
        ),
        sa.Column("hooks_at", UtcDateTime, comment="when the post hooks are to be run, again or for the first time"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_jobs_vendor_queued_at", "jobs", ["vendor", "queued_at"])
    op.create_index("ix_jobs_queued_at", "jobs", ["queued_at"])
    op.create_index("ix_jobs_node_queued_at", "jobs", ["node", "queued_at"])
    op.create_index("ix_jobs_queue", "jobs", ["state", "consumer", "priority", "queued_at"])
    for name in ("root_id", "after_id", "hooks_at"):
        op.create_index(f"ix_jobs_{name}", "jobs", [name])
    for name, column, where in (("open", "fingerprint", OPEN), ("fetching", "vendor", FETCHING)):
        op.create_index(f"ux_jobs_{name}", "jobs", [column], unique=True, sqlite_where=where, postgresql_where=where)
    op.create_table(
        "job_children",
        sa.Column("parent_id", sa.Text, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("child_id", sa.Text, sa.ForeignKey("jobs.id"), nullable=False),
        sa.Column("completed_at", UtcDateTime),
        sa.PrimaryKeyConstraint("parent_id", "child_id"),
    )
    op.create_index("ix_job_children_child_id", "job_children", ["child_id"])


def _schedules() -> None:
    op.create_table(
        "schedules",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("job", sa.Text, nullable=False),
        sa.Column("arguments", sa.JSON, nullable=False),
        sa.Column("cron", sa.Text),
        sa.Column("every_seconds", sa.Integer),
        sa.Column("timezone", sa.Text, nullable=False),
        sa.Column("jitter_seconds", sa.Integer, nullable=False),
        sa.Column("missed", sa.Text, nullable=False, comment="skip, once or all"),
        sa.Column("paused", sa.Boolean, nullable=False),
        sa.Column(
            "origin", sa.Text, nullable=False, comment="configuration, or user where somebody changed or added it"
        ),
        sa.Column("next_at", UtcDateTime, nullable=False),
        sa.Column("changed_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "firings",
        sa.Column("schedule", sa.Text, nullable=False),
        sa.Column("due_at", UtcDateTime, nullable=False),
        sa.Column("fired_at", UtcDateTime, nullable=False),
        sa.Column("job_id", sa.Text),
        sa.Column("error", sa.Text),
        sa.PrimaryKeyConstraint("schedule", "due_at"),
    )


def _access() -> None:
    op.create_table(
        "users",
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "role_bindings",
        sa.Column("user", sa.Text, sa.ForeignKey("users.name"), nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("bound_at", UtcDateTime, nullable=False),
        sa.PrimaryKeyConstraint("user", "role"),
    )
    op.create_table(
        "api_keys",
        sa.Column("id", sa.Text, nullable=False, comment="names the key without revealing it"),
        sa.Column("user", sa.Text, sa.ForeignKey("users.name"), nullable=False),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False, comment="SHA-256 of the key"),
        sa.Column("vendors", sa.JSON, comment="NULL means all"),
        sa.Column("created_at", UtcDateTime, nullable=False),
        sa.Column("expires_at", UtcDateTime),
        sa.Column("last_used_at", UtcDateTime),
        sa.Column("revoked_at", UtcDateTime),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("hash"),
    )
    op.create_index("ix_api_keys_user", "api_keys", ["user"])
    op.create_table(
        "access_log",
        sa.Column("id", Id, nullable=False),
        sa.Column("at", UtcDateTime, nullable=False),
        sa.Column("address", sa.Text, nullable=False),
        sa.Column("user", sa.Text),
        sa.Column("role", sa.Text),
        sa.Column("key_id", sa.Text),
        sa.Column("resource", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("allowed", sa.Boolean, nullable=False),
        sa.Column("reason", sa.Text),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_access_log_at", "access_log", ["at"])
