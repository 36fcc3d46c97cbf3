"""Search over all tickets, a queue that opens fast however long it is, and saved views."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    for script in (QUEUE, WORDS, SEARCH, VIEWS):
        run_script(op.get_bind(), script)


QUEUE = """
-- Points of a ticket without an answer for the part of its promised time that is gone, 20 at most. In double
-- precision: the queue asks for it of every open ticket. minutes: what was promised, null for earshot's own promise.
create function sla_points(level text, due timestamptz, minutes integer) returns integer language sql stable as $$
    select least(20, greatest(0, floor(20 * (
        1 - date_part('epoch', due - now()) / coalesce(60.0::float8 * minutes, case level
            when 'P1' then 900 when 'P2' then 3600 when 'P3' then 14400 else 86400 end)
    ))))::integer
$$;

-- The first lines of the queue without reading all of it, and the other open tickets of one author.
create index tickets_queue on tickets (priority desc)
    where state not in ('resolved', 'settled') and answered_at is null;
create index tickets_contacts on tickets (network, author, received_at)
    where state not in ('resolved', 'settled') and author is not null;
create index tickets_received_at on tickets (received_at, id);
create index tickets_updated_at on tickets (updated_at, id);
create index tickets_priority on tickets (priority, id);
"""

WORDS = """
-- What was said in a message, on both sides where it is a call, as words that are searched for.
create function words_of(said text, turns jsonb) returns tsvector
language sql immutable parallel safe as $$
    select to_tsvector('pg_catalog.english', coalesce(said, ''))
        || case when turns is null then ''::tsvector
                else jsonb_to_tsvector('pg_catalog.english',
                                       jsonb_path_query_array(turns, '$[*].text'), '["string"]') end
$$;
create function noted_words(notes jsonb) returns tsvector
language sql immutable parallel safe as $$
    select jsonb_to_tsvector('pg_catalog.english', jsonb_path_query_array(notes, '$[*].text'), '["string"]')
$$;
create index events_words on events using gin (words_of(text, turns));
create index tickets_noted on tickets using gin (noted_words(notes)) where notes <> '[]';
create index tickets_author_name on tickets (lower(author)) where author is not null;
create index tickets_tags on tickets using gin (tags) where tags <> '{}';
"""

# An index answers `@@` only where no policy has to be asked first, so the search runs with its
# owner's rights and asks for the brands itself.
SEARCH = """
-- The tickets where it was said, noted, or that have the name: as author, tag or id. Those of the
-- caller's brands alone. similar: what is searched for where `wanted` is nowhere; names: in lower
-- case, too. Where `wanted` holds no word, as of `the`, the names are looked for in the texts.
do $do$
begin
    execute format($body$
        create function tickets_saying(wanted tsquery, similar_words tsquery, names text[])
        returns setof text language plpgsql stable security definer rows 1000
        set search_path = %1$I, pg_catalog, pg_temp as $$
        declare
            bound text[] := bound_brands();
            query tsquery := wanted;
        begin
            for attempt in 1..2 loop
                return query
                    with said as materialized (
                        select distinct e.conversation, e.brand from events e
                        where numnode(query) > 0 and words_of(e.text, e.turns) @@ query
                            and (bound is null or e.brand = any(bound))
                        union
                        select e.conversation, e.brand from events e
                        where numnode(query) = 0 and position(lower(names[1]) in lower(e.text)) > 0
                            and (bound is null or e.brand = any(bound))
                    ),
                    found as (
                        select t.id, t.brand from said join tickets t
                            on t.id = said.conversation and coalesce(said.brand = t.brand, true)
                        union
                        select t.id, t.brand from said join tickets t
                            on split_part(t.id, ' ', 1) = said.conversation
                                and position(' ' in t.id) > 0
                                and coalesce(said.brand = t.brand, true)
                        union
                        select t.id, t.brand from tickets t
                        where t.notes <> '[]' and noted_words(t.notes) @@ query
                        union
                        select t.id, t.brand from tickets t
                        where t.author is not null and lower(t.author) = any(names)
                        union
                        select t.id, t.brand from tickets t
                        where t.tags <> '{}' and t.tags && names
                        union
                        select t.id, t.brand from tickets t where t.id = any(names)
                    )
                    select found.id from found where bound is null or found.brand = any(bound);
                exit when found or similar_words is null;
                query := similar_words;
            end loop;
        end
        $$
    $body$, current_schema());
end
$do$;
"""

VIEWS = """
-- Searches that somebody keeps; shared ones stand in the side bar of everybody who may see one of
-- its brands. query: what stands in the address of the queue; brands: null: of no brand in particular.
create table saved_views (
    id bigint generated always as identity primary key,
    owner text not null,
    name text not null check (length(name) between 1 and 60),
    query jsonb not null,
    shared boolean not null default false,
    brands text[],
    created_at timestamptz not null default now(),
    unique (owner, name)
);
alter table saved_views enable row level security;
create policy bound on saved_views for select
    using ((select bound_brands()) is null or brands is null or brands && (select bound_brands())::text[]);
create policy bound_insert on saved_views for insert
    with check (brands <@ (select bound_brands())::text[]);
create policy bound_update on saved_views for update
    using (brands <@ (select bound_brands())::text[])
    with check (brands <@ (select bound_brands())::text[]);
create policy bound_delete on saved_views for delete
    using (brands <@ (select bound_brands())::text[]);
"""


def downgrade() -> None:
    run_script(op.get_bind(), BACK)


BACK = """
drop table saved_views;
drop function tickets_saying(tsquery, tsquery, text[]);
drop index events_words, tickets_noted, tickets_author_name, tickets_tags, tickets_queue,
    tickets_contacts, tickets_received_at, tickets_updated_at, tickets_priority;
drop function words_of(text, jsonb), noted_words(jsonb);
drop function sla_points(text, timestamptz, integer) cascade;  -- the view of the queue is made anew
"""
