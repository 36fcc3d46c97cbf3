"""Alembic's entry: runs the versions on a connection from `stream.postgres.schema`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
