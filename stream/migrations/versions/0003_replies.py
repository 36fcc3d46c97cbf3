"""Drafts with their candidates, approvals, the outbox, and people who want no answers."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_script(op.get_bind(), CHANGES)


CHANGES = """
-- text: what is, or was, to be sent; a person may have changed what was drafted.
alter table replies
    add column network text not null,
    add column brand text,
    add column revision integer not null default 0,  -- of the message that is answered, as it was drafted for
    add column candidates jsonb not null default '[]',  -- every draft with its score, source and refusals
    add column drafted text not null default '',
    add column reason text,  -- why it is failed, uncertain or discarded
    add column approved_at timestamptz,
    add column sending_since timestamptz,
    add column sent_at timestamptz,
    add column url text,
    add column tries integer not null default 0,
    add column due_at timestamptz;  -- not to be tried before
create index replies_due on replies (due_at) where state in ('approved', 'sending');
create index replies_ticket on replies (ticket_id);
create index replies_lately on replies (brand, sent_at) where state = 'sent';

-- Who asked for no answers: before anything is sent, it is looked up here.
create table opted_out (
    network text not null,
    author text not null,
    at timestamptz not null default now(),
    who text not null,
    primary key (network, author)
);
"""
