"""Conversations that people merge and split; tickets of a brand by time."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    for script in (JOINED, UNTOLD, OF_BRAND):
        run_script(op.get_bind(), script)


def downgrade() -> None:
    run_script(op.get_bind(), BACK)


JOINED = """
-- What its network calls one conversation belongs to another. A chain is followed to its end.
create table conversation_merges (
    conversation text primary key,
    into_conversation text not null check (into_conversation <> conversation),
    who text not null,
    at timestamptz not null default now()
);
create index conversation_merges_into on conversation_merges (into_conversation);

-- Messages that are stored under another conversation than the one that their network names.
create table event_places (
    event_id text primary key,
    said_in text not null,  -- the conversation that its network names
    conversation text,  -- where a person put it, by itself or with what it answers; null: merged with its conversation
    brand text,  -- of the ticket that it was split from: it may name none itself
    at timestamptz not null default now()
);
"""

UNTOLD = """
-- A note that its author takes back names nobody any more.
create policy bound_delete on notices for delete
    using ((select bound_brands()) is not null and exists (select from tickets where tickets.id = ticket_id));
"""

OF_BRAND = """
-- Incidents are looked for among a brand's tickets of some hours, beside those of the days before.
create index tickets_brand_first on tickets (brand, first_at);
"""

# What was moved stays where it is: nobody can tell a later release that it was.
BACK = """
drop policy bound_delete on notices;
drop index tickets_brand_first;
drop table event_places, conversation_merges;
"""
