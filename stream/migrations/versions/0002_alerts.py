"""Alerts that are acknowledged, snoozed and sent out; incidents and their tickets."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_script(op.get_bind(), CHANGES)


CHANGES = """
alter table alerts
    drop constraint alerts_kind_check,
    add constraint alerts_kind_check check (kind in ('p1', 'burst', 'spend')),
    add column recovered_at timestamptz,
    add column snoozed_by text,
    add column snoozed_until timestamptz;
-- Bursts that were told before anybody asked whether they were over.
update alerts set recovered_at = coalesce(ended_at, started_at) where kind = 'burst';
create index alerts_unrecovered on alerts (brand) where kind = 'burst' and recovered_at is null;
create index alerts_brand on alerts (brand, started_at) where kind = 'burst';

-- One row for each thing that a sink is told about an alert, whatever happens: the key is what makes it one.
-- message: the one that carries it; several rows share a digest.
create table alert_deliveries (
    sink text not null,
    alert_id text not null,
    kind text not null check (kind in ('raised', 'recovered')),
    state text not null default 'queued' check (state in ('queued', 'sending', 'sent', 'failed')),
    severity smallint not null check (severity between 1 and 10),
    message text,
    attempts integer not null default 0,
    due_at timestamptz not null default now(),
    answer text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    sent_at timestamptz,
    primary key (sink, alert_id, kind)
);
create index alert_deliveries_due on alert_deliveries (sink, due_at) where state in ('queued', 'sending');
create index alert_deliveries_sent on alert_deliveries (sink, sent_at) where state = 'sent';

alter table incidents
    add column problem text,
    add column model_version text,
    add column embedding halfvec(384),
    add column last_at timestamptz not null default now();
create index incidents_last_at on incidents (brand, last_at);

-- A ticket is in one incident at most. What a person decided is not changed by earshot: `left` by a person stays left.
create table incident_tickets (
    incident_id text not null references incidents on delete cascade,
    ticket_id text not null,
    state text not null default 'joined' check (state in ('joined', 'left')),
    who text not null,
    likeness real,
    changed_at timestamptz not null default now(),
    primary key (incident_id, ticket_id)
);
create unique index incident_tickets_one on incident_tickets (ticket_id) where state = 'joined';
create index incident_tickets_ticket on incident_tickets (ticket_id);
"""
