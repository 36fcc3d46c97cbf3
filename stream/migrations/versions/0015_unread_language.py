"""Tickets of messages in a language that no model reads: a lane of their own."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run_script(op.get_bind(), CHANGES)


CHANGES = """
alter table tickets
    add column unread_language text;  -- of the last message in a language that no model reads
update tickets set unread_language = (
    select e.language from events e
    where e.conversation = tickets.id and e.direction = 'inbound' and e.abstained
      and e.language not in ('en', 'und')
    order by e.occurred_at desc, e.id desc
    limit 1
)
where exists (
    select from jsonb_array_elements(factors) as factor where factor ->> 'name' = 'language'
);
"""
