"""API keys and what the REST interface needs."""

from alembic import op

from stream.schema import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_script(op.get_bind(), CHANGES)


CHANGES = """
select 1;
"""
