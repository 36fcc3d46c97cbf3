"""Settings that admins change in the console, attendance, ratings, and saved queries."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    for script in (CONTROLS, PROMISES, ATTENDANCE, RATINGS, QUERIES):
        run_script(op.get_bind(), script)


def downgrade() -> None:
    run_script(op.get_bind(), BACK)


CONTROLS = """
-- What an admin set over the files and over earshot's own defaults. secrets are read by who sends, and by no page.
create table desk_controls (
    name text not null,
    subject text not null default '',  -- a brand, a sink; '' is everybody
    value jsonb not null,
    secrets jsonb not null default '{}',
    version integer not null default 1,
    changed_by text not null,
    changed_at timestamptz not null default now(),
    primary key (name, subject)
);
-- Every change with what stood before and after, and the names of the secrets that were typed with it.
create table desk_control_changes (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    actor text not null,
    name text not null,
    subject text not null,
    before jsonb,
    after jsonb,
    secrets text[] not null default '{}',
    goes_back_to bigint references desk_control_changes
);
create index desk_control_changes_of on desk_control_changes (name, subject, id);
"""

PROMISES = """
-- Minutes until the first answer, of all brands ('') or of one. A level that is missing keeps earshot's own promise.
create table desk_promises (
    brand text not null,
    level text not null check (level in ('P1', 'P2', 'P3', 'P4')),
    minutes integer not null check (minutes between 1 and 43200),
    primary key (brand, level)
);
alter table desk_promises enable row level security;
create policy bound on desk_promises for select
    using (brand = '' or (select bound_brands()) is null or brand = any ((select bound_brands())::text[]));

create function promised(of_level text, of_brand text) returns interval language sql stable as $$
    select coalesce(
        (select make_interval(mins => minutes) from desk_promises
         where level = of_level and brand in ('', of_brand) order by brand = '' limit 1),
        promised(of_level))
$$;

create or replace function set_sla_due_at() returns trigger language plpgsql as $$
begin
    new.sla_due_at := working_time_after(
        new.brand, new.received_at, promised(new.level, new.brand));
    return new;
end
$$;
"""

ATTENDANCE = """
-- Who has the console open, and whether they take tickets now. last_dealt_at: of the ticket that the rules gave them last.
create table attendance (
    name text primary key,
    seen_at timestamptz not null default now(),
    away boolean not null default false,
    last_dealt_at timestamptz
);
"""

RATINGS = """
-- Keys that links are signed with; they leave the database in signatures alone.
create table signing_keys (
    name text primary key,
    key bytea not null
);
insert into signing_keys values (
    'ratings', decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex'));

-- What a customer thought of an answer; the last click counts.
create table ratings (
    reply_id bigint primary key references replies on delete cascade,
    ticket_id text not null,
    brand text,
    rating smallint not null check (rating in (0, 1)),
    rated_at timestamptz not null default now()
);
create index ratings_at on ratings (rated_at);
alter table ratings enable row level security;
create policy bound on ratings for select
    using ((select bound_brands()) is null or brand = any ((select bound_brands())::text[]));
"""

QUERIES = """
-- Questions in SQL that people share, each with the chart of its answer. Whoever runs one does so with their own rights.
create table saved_queries (
    id bigint generated always as identity primary key,
    name text not null unique,
    statement text not null,
    chart text not null default 'table' check (chart in ('table', 'bars', 'line', 'records')),
    created_by text not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
"""

# The views are made anew by the next `earshot migrate`, of this release or of an older one.
BACK = """
drop view if exists open_tickets, settled_tickets, ticket_history, sentiment_hourly, brand_health;
drop table saved_queries, ratings, signing_keys, attendance;
create or replace function set_sla_due_at() returns trigger language plpgsql as $$
begin
    new.sla_due_at := working_time_after(new.brand, new.received_at, promised(new.level));
    return new;
end
$$;
drop function promised(text, text);
drop table desk_promises, desk_control_changes, desk_controls;
"""
