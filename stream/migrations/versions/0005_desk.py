"""The desk: ticket actions, working hours, logins bound to brands, change notifications."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    for script in (TICKETS, CLOCKS, PEOPLE, BOUND, NOTIFY):
        run_script(op.get_bind(), script)


TICKETS = """
-- Counts what people changed: whoever edits says which count they saw, so that no edit is lost unseen.
alter table tickets add column edits integer not null default 0 check (edits >= 0);

-- Who has a ticket open right now. Worth nothing after a crash, so it is not logged.
create unlogged table presence (
    ticket_id text not null,
    who text not null,
    seen_at timestamptz not null default now(),
    primary key (ticket_id, who)
);
"""

CLOCKS = """
-- The brands' working hours, copied from brands.toml at each start of a worker or of the web server.
create table desk_clocks (
    brand text primary key,
    time_zone text not null
);
create table desk_shifts (
    brand text not null references desk_clocks on delete cascade,
    weekday smallint not null check (weekday between 0 and 6),  -- Monday is 0
    opens smallint not null check (opens between 0 and 1440),  -- minutes after midnight
    closes smallint not null check (closes between opens and 1440),
    primary key (brand, weekday, opens)
);

create function promised(level text) returns interval language sql immutable as $$
    select case level
        when 'P1' then interval '15 minutes' when 'P2' then interval '1 hour'
        when 'P3' then interval '4 hours' else interval '1 day'
    end
$$;

-- When so much working time has passed since a moment. A brand without shifts works always.
create function working_time_after(of_brand text, since timestamptz, within interval) returns timestamptz
language plpgsql stable as $$
declare
    zone text;
    today date;
    shift record;
    starts timestamptz;
    remaining interval := within;
begin
    select time_zone into zone from desk_clocks where brand = of_brand;
    if zone is null or not exists (select from desk_shifts where brand = of_brand) then
        return since + within;
    end if;
    today := (since at time zone zone)::date;
    for ahead in 0..366 loop
        for shift in
            select ((today + ahead) + make_interval(mins => opens)) at time zone zone as opens,
                   ((today + ahead) + make_interval(mins => closes)) at time zone zone as closes
            from desk_shifts
            where brand = of_brand and weekday = extract(isodow from today + ahead) - 1
            order by desk_shifts.opens
        loop
            starts := greatest(shift.opens, since);
            continue when shift.closes <= starts;
            if shift.closes - starts >= remaining then
                return starts + remaining;
            end if;
            remaining := remaining - (shift.closes - starts);
        end loop;
    end loop;
    return since + within;
end
$$;

-- Stored, because the queue is read more often than a ticket changes.
alter table tickets add column sla_due_at timestamptz;
create function set_sla_due_at() returns trigger language plpgsql as $$
begin
    new.sla_due_at := working_time_after(new.brand, new.received_at, promised(new.level));
    return new;
end
$$;
create trigger sla_due_at before insert or update of brand, level, received_at on tickets
    for each row execute function set_sla_due_at();
update tickets set level = level;
alter table tickets alter column sla_due_at set not null;
create index tickets_due on tickets (sla_due_at) where state <> 'resolved' and answered_at is null;
"""

PEOPLE = """
alter table users add constraint users_role check (role in ('viewer', 'agent', 'lead', 'admin'));
alter table users add column brands text[];  -- null: all of them
alter table users add column login text unique;  -- this person's own login to Postgres, read-only

create table sessions (
    digest bytea primary key,
    user_id bigint not null references users on delete cascade,
    created_at timestamptz not null default now(),
    seen_at timestamptz not null default now(),
    expires_at timestamptz not null
);
create table setup_codes (
    digest bytea primary key,
    expires_at timestamptz not null
);
create table failed_logins (
    name text not null,
    address text not null,
    at timestamptz not null default now()
);
create index failed_logins_at on failed_logins (at);
"""

# session_user is who logged in: unlike a setting, or the current role, nobody can change it
# afterwards.
BOUND = """
-- The brands that this login is bound to; null: all. Logins that are nobody's (the reader's, an operator's) see all.
do $do$
begin
    -- Every name is written out: it runs with its owner's rights, and a caller's own table must not answer for it.
    execute format($body$
        create function bound_brands() returns text[] language sql stable security definer
        set search_path = pg_catalog, pg_temp as $$
            select case when disabled_at is null then brands else '{}' end from %I.users where login = session_user
        $$
    $body$, current_schema());
end
$do$;

alter table events enable row level security;
alter table tickets enable row level security;
alter table ticket_changes enable row level security;
alter table alerts enable row level security;
alter table signal_counts enable row level security;
alter table replies enable row level security;
alter table incidents enable row level security;
alter table corrections enable row level security;
alter table event_ids enable row level security;
alter table cursors enable row level security;

create policy bound on events for select
    using ((select bound_brands()) is null or brand = any ((select bound_brands())::text[]));
create policy bound on tickets for select
    using ((select bound_brands()) is null or brand = any ((select bound_brands())::text[]));
create policy bound on alerts for select
    using ((select bound_brands()) is null or brand = any ((select bound_brands())::text[]));
create policy bound on signal_counts for select
    using ((select bound_brands()) is null or brand = any ((select bound_brands())::text[]));
create policy bound on incidents for select
    using ((select bound_brands()) is null or brand = any ((select bound_brands())::text[]));
create policy bound on ticket_changes for select
    using ((select bound_brands()) is null or exists (select from tickets where tickets.id = ticket_id));
create policy bound on replies for select
    using ((select bound_brands()) is null or exists (select from tickets where tickets.id = ticket_id));
create policy bound on corrections for select
    using ((select bound_brands()) is null or exists (select from events where events.id = event_id));
create policy bound on event_ids for select using ((select bound_brands()) is null);
create policy bound on cursors for select using ((select bound_brands()) is null);
"""

NOTIFY = """
-- Whoever listens on `earshot` hears which rows changed: {"table": ..., "ids": [...]}; no ids when they are many.
create function tell_changes() returns trigger language plpgsql as $$
declare
    ids text[];
begin
    select array_agg(left(id::text, 300)) into ids from (select id from changed limit 21) as few;
    if ids is not null then
        perform pg_notify('earshot', json_build_object(
            'table', tg_table_name, 'ids', case when cardinality(ids) <= 20 then ids else '{}' end
        )::text);
    end if;
    return null;
end
$$;

do $$
declare
    told text;
begin
    foreach told in array array['tickets', 'alerts', 'replies', 'incidents'] loop
        execute format('create trigger told_inserted after insert on %I
            referencing new table as changed for each statement execute function tell_changes()', told);
        execute format('create trigger told_updated after update on %I
            referencing new table as changed for each statement execute function tell_changes()', told);
        execute format('create trigger told_deleted after delete on %I
            referencing old table as changed for each statement execute function tell_changes()', told);
    end loop;
end
$$;
"""
