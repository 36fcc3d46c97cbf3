"""What stands in a mail besides its author's words is stored beside them."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_script(op.get_bind(), CHANGES)


CHANGES = """
-- Quoted history, signature and footers, redacted: shown folded in the desk, never judged or searched for cues.
alter table events
    add column trimmed text,
    add constraint events_trimmed_of_deleted check (kind <> 'deleted' or trimmed is null);
"""
