"""What the monitor asks every few seconds must not read a table that grows."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_script(op.get_bind(), CHANGES)


CHANGES = """
-- How many events were saved in the last seconds. It grows at its right end alone, which costs a save next to nothing.
create index events_received_at on events (received_at);
"""
