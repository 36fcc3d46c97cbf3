"""Alerts that can be acknowledged, and incidents."""

from alembic import op

from stream.schema import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_script(op.get_bind(), CHANGES)


CHANGES = """
select 1;
"""
