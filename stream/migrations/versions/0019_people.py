"""Canned answers, people across networks, notices of agents, and daily summaries."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    for script in (CANNED, LINKS, NOTICES, SUMMARIES):
        run_script(op.get_bind(), script)


def downgrade() -> None:
    run_script(op.get_bind(), UNDONE)


CANNED = """
-- Answers that are written once and used often: a text with slots, a state and tags that go with it.
create table canned_replies (
    id bigint generated always as identity primary key,
    brand text,  -- null: of every brand
    name text not null check (name ~ '^[a-z0-9][a-z0-9_-]{0,39}$'),
    text text not null,
    state text check (state in ('waiting', 'resolved')),
    tags text[] not null default '{}',
    version integer not null default 0,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    changed_by text not null,
    check (text <> '' or state is not null or tags <> '{}')
);
create unique index canned_replies_name on canned_replies (coalesce(brand, ''), name);

alter table canned_replies enable row level security;
create policy bound on canned_replies for select
    using ((select bound_brands()) is null or brand = any ((select bound_brands())::text[])
        or brand is null and cardinality((select bound_brands())) > 0);
create policy bound_insert on canned_replies for insert
    with check (brand = any ((select bound_brands())::text[]));
create policy bound_update on canned_replies for update
    using (brand = any ((select bound_brands())::text[]))
    with check (brand = any ((select bound_brands())::text[]));
create policy bound_delete on canned_replies for delete
    using (brand = any ((select bound_brands())::text[]));
"""

LINKS = """
-- Two handles of one person, said by a colleague; or, where `alike` is false, the same handle of two people.
create table person_links (
    id bigint generated always as identity primary key,
    network text not null,
    handle text not null,  -- without @, in small letters
    other_network text not null,
    other_handle text not null,
    alike boolean not null,
    who text not null,
    at timestamptz not null default now(),
    undone_by text,
    undone_at timestamptz,
    check ((network, handle) < (other_network, other_handle)),
    check ((undone_by is null) = (undone_at is null))
);
create unique index person_links_pair on person_links (network, handle, other_network, other_handle)
    where undone_at is null;
create index person_links_other on person_links (other_network, other_handle);
create index events_person on events (lower(ltrim(author, '@')), occurred_at);
create index tickets_person on tickets (lower(ltrim(author, '@')));

-- Who is bound to brands learns of a link where both handles wrote to these.
alter table person_links enable row level security;
create policy bound on person_links for select
    using ((select bound_brands()) is null or (
        exists (select from events e where e.network = person_links.network and e.kind <> 'deleted'
            and lower(ltrim(e.author, '@')) = handle)
        and exists (select from events e where e.network = other_network and e.kind <> 'deleted'
            and lower(ltrim(e.author, '@')) = other_handle)
    ));
create policy bound_insert on person_links for insert
    with check ((select bound_brands()) is not null
        and exists (select from events e where e.network = person_links.network and e.kind <> 'deleted'
            and lower(ltrim(e.author, '@')) = handle)
        and exists (select from events e where e.network = other_network and e.kind <> 'deleted'
            and lower(ltrim(e.author, '@')) = other_handle)
    );
create policy bound_update on person_links for update using ((select bound_brands()) is not null);
"""

NOTICES = """
-- What a person is to know: a note names them, or a ticket was given to them.
create table notices (
    id bigint generated always as identity primary key,
    person text not null,
    kind text not null check (kind in ('mention', 'assigned')),
    ticket_id text not null,
    place integer check ((kind = 'mention') = (place is not null)),  -- of the note among the ticket's
    actor text not null,
    at timestamptz not null default now(),
    read_at timestamptz
);
create index notices_person on notices (person, id desc);
create index notices_unread on notices (person) where read_at is null;
create index notices_ticket on notices (ticket_id);

alter table notices enable row level security;
create policy bound on notices for select
    using ((select bound_brands()) is null or exists (select from tickets where tickets.id = ticket_id));
create policy bound_update on notices for update
    using ((select bound_brands()) is not null and exists (select from tickets where tickets.id = ticket_id));

-- Written with the edit itself, whoever makes it and however: no note goes by unseen where a process dies.
-- A person hears of tickets of their own brands alone. @ada.lee does not name ada, and `@ada.` does.
do $do$
begin
    execute format($body$
        create function tell_colleagues() returns trigger language plpgsql security definer
        set search_path = pg_catalog, pg_temp as $$
        begin
            insert into %1$I.notices (person, kind, ticket_id, actor)
            select u.name, 'assigned', new.ticket_id, new.who from %1$I.users u
            where u.name = new.changes -> 'owner' ->> 1 and u.name <> new.who and u.disabled_at is null
              and (u.brands is null or new.brand = any (u.brands));
            insert into %1$I.notices (person, kind, ticket_id, place, actor)
            select u.name, 'mention', new.ticket_id, note.number - 1, new.who
            from %1$I.tickets t
            cross join lateral jsonb_array_elements(t.notes) with ordinality note (value, number)
            join %1$I.users u on u.name <> new.who and u.disabled_at is null
              and (u.brands is null or new.brand = any (u.brands))
              and (note.value ->> 'text') ~* ('(^|[^\\w@.-])@' || regexp_replace(u.name, '([^\\w ])', '\\\\\\1', 'g')
                  || '(?![\\w-]|[.@]\\w)')
            where t.id = new.ticket_id and new.changes ? 'notes'
              and note.number > (new.changes -> 'notes' ->> 0)::integer;
            return null;
        end
        $$
    $body$, current_schema());
end
$do$;
create trigger tell_colleagues after insert on ticket_changes for each row
    when (new.kind = 'edited' and (new.changes ? 'owner' or new.changes ? 'notes'))
    execute function tell_colleagues();
"""

SUMMARIES = """
-- One row for each day that a sink is to get: nobody gets a day's summary twice.
create table daily_summaries (
    sink text not null,
    day date not null,
    state text not null check (state in ('queued', 'sent', 'failed')),
    attempts integer not null default 0,
    due_at timestamptz not null default now(),
    answer text,
    updated_at timestamptz not null default now(),
    primary key (sink, day)
);
"""

UNDONE = """
drop table daily_summaries, person_links, canned_replies;
drop index events_person;
drop index tickets_person;
drop trigger tell_colleagues on ticket_changes;
drop function tell_colleagues();
drop table notices;
"""
