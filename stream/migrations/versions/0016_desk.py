"""Both sides of a call are stored, redacted; people set priorities by hand."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    run_script(op.get_bind(), CHANGES)


CHANGES = """
-- The turns of a call in order: [{speaker: customer, agent or unknown, text, at: seconds from its start}].
alter table events
    add column turns jsonb,
    add constraint events_turns_of_deleted check (kind <> 'deleted' or turns is null);

-- A level that a person set: {level, actor, reason, at, folded: the priority that it had without it}.
alter table tickets add column by_hand jsonb;
"""
