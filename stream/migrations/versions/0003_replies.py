"""Drafts, approvals and the outbox."""

from alembic import op

from stream.schema import run_script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_script(op.get_bind(), CHANGES)


CHANGES = """
select 1;
"""
