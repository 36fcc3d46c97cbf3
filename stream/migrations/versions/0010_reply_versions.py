"""Replies count their changes, so that nobody approves words that they have not seen."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_script(op.get_bind(), CHANGES)


CHANGES = """
alter table replies
    add column version integer not null default 0,  -- counts every change, the sender's too
    add column changed_by text;  -- who made the latest; null: it is as it was drafted
"""
