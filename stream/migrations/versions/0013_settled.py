"""Tickets that the customer settled; alerts of several tickets: one person's, a surge, old messages."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_script(op.get_bind(), CHANGES)


CHANGES = """
alter table tickets
    drop constraint tickets_state_check,
    add constraint tickets_state_check
        check (state in ('new', 'open', 'waiting', 'snoozed', 'resolved', 'settled')),
    add column settled_at timestamptz,  -- the customer's last word, where it closes the ticket
    add column unsettled_at timestamptz;  -- that word, where a person found that it does not
create index tickets_settled on tickets (updated_at) where state = 'settled';
alter table ticket_changes
    drop constraint ticket_changes_kind_check,
    add constraint ticket_changes_kind_check
        check (kind in ('created', 'changed', 'settled', 'reopened', 'withdrawn', 'edited'));
alter table alerts
    drop constraint alerts_kind_check,
    add constraint alerts_kind_check check (kind in ('p1', 'burst', 'spend', 'surge', 'backlog'));

-- The tickets that an alert is about, as they became P1. kind, brand: the alert's. events: those that brought or
-- took it, so that their redelivery tells the alert again.
create table alert_tickets (
    alert_id text not null,
    ticket_id text not null,
    kind text not null,
    brand text,
    events text[] not null,
    joined_at timestamptz not null default now(),
    primary key (alert_id, ticket_id)
);
create index alert_tickets_ticket on alert_tickets (ticket_id);
create index alert_tickets_brand on alert_tickets (brand, joined_at);
insert into alert_tickets (alert_id, ticket_id, kind, brand, events, joined_at)
select id, ticket_id, kind, brand,
       array(select jsonb_array_elements_text(coalesce(evidence -> 'events', '[]'))), created_at
from alerts where kind = 'p1' and ticket_id is not null;

alter table alert_tickets enable row level security;
create policy bound on alert_tickets for select
    using ((select bound_brands()) is null or exists (select from alerts where alerts.id = alert_id));
"""
