"""Run by Alembic: the connection, and its transaction, come from ``database.upgrade``."""

from alembic import context

from christmas.db.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
