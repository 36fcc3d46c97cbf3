"""The tables of the contract, their partitions and indexes."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_script(op.get_bind(), EXTENSION)
    run_script(op.get_bind(), STREAM)
    run_script(op.get_bind(), DESK)
    run_script(op.get_bind(), PARTITIONS)


EXTENSION = "create extension if not exists vector;"

STREAM = """
-- One row an id for ever: deduplicates, and keeps the tombstones when old months are dropped.
create table event_ids (
    id text primary key,
    revision integer not null check (revision >= 0),
    occurred_at timestamptz not null,
    conversation text not null,
    left_conversations text[],  -- where edits moved it away from: a redelivery tells their tickets again
    received_at timestamptz not null
);

create table events (
    id text not null,
    revision integer not null check (revision >= 0),
    kind text not null check (kind in ('tweet', 'complaint', 'transcript', 'deleted')),
    network text not null,
    conversation text not null,
    direction text check (direction in ('inbound', 'outbound')),
    author text,
    brand text,
    language text,
    followers bigint check (followers >= 0),
    in_reply_to text,
    text text,
    occurred_at timestamptz not null,
    received_at timestamptz not null,
    sentiment text check (sentiment in ('negative', 'neutral', 'positive')),
    scores jsonb,
    severity smallint check (severity between 0 and 4),
    dissatisfaction numeric(4, 1) check (dissatisfaction between 0 and 100),
    topic text,
    problem text,
    abstained boolean not null default false,
    embedding halfvec(384),
    model_version text,
    primary key (id, occurred_at),
    check (kind = 'deleted' or (direction is not null and text is not null)),
    check (kind <> 'deleted' or (text is null and embedding is null and scores is null and author is null)),
    check (embedding is null or model_version is not null)
) partition by range (occurred_at);
create index events_conversation on events (conversation);
create index events_occurred_at on events (occurred_at);

create table tickets (
    id text primary key,
    network text not null,
    brand text,
    author text,
    priority smallint not null check (priority between 0 and 100),
    level text not null check (level in ('P1', 'P2', 'P3', 'P4')),
    factors jsonb not null,
    needs_look boolean not null,
    topic text,
    problem text,
    sentiment text check (sentiment in ('negative', 'neutral', 'positive')),
    dissatisfaction double precision,
    excerpt text not null,
    messages integer not null check (messages > 0),
    first_at timestamptz not null,
    last_inbound_at timestamptz not null,
    answered_at timestamptz,
    received_at timestamptz not null,
    waiting_since timestamptz,
    version integer not null check (version > 0),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    state text not null default 'new' check (state in ('new', 'open', 'waiting', 'snoozed', 'resolved')),
    state_changed_at timestamptz,
    owner text,
    tags text[] not null default '{}',
    notes jsonb not null default '[]',
    snoozed_until timestamptz
);
create index tickets_author on tickets (network, author) where author is not null;
create index tickets_unresolved on tickets (brand, priority desc) where state <> 'resolved';

create table ticket_changes (
    ticket_id text not null,
    version integer not null,
    changed_at timestamptz not null default now(),
    kind text not null check (kind in ('created', 'changed', 'reopened', 'withdrawn', 'edited')),
    who text not null,
    reason text not null,
    changes jsonb not null,
    primary key (ticket_id, version, changed_at)
) partition by range (changed_at);

create table alerts (
    id text primary key,
    kind text not null check (kind in ('p1', 'burst')),
    brand text,
    topic text,
    ticket_id text,
    severity smallint not null check (severity between 1 and 10),
    started_at timestamptz not null,
    peak_at timestamptz,
    ended_at timestamptz,
    evidence jsonb not null,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    acknowledged_by text,
    acknowledged_at timestamptz
);
create index alerts_created_at on alerts (created_at);
create index alerts_ticket on alerts (ticket_id) where ticket_id is not null;

-- The live inbound events, counted: '' stands for an unknown brand or topic.
create table signal_counts (
    brand text not null,
    topic text not null,
    minute timestamptz not null,
    events integer not null,
    negative integer not null,
    complaints integer not null,
    dissatisfaction_sum numeric not null,
    updated_at timestamptz not null default now(),
    primary key (brand, topic, minute)
) partition by range (minute);
create index signal_counts_minute on signal_counts (minute);
create index signal_counts_updated_at on signal_counts (updated_at);

-- The digest keeps two letters apart when a broker that forgot everything counts its offsets from 0 again.
create table dead_letters (
    id bigint generated always as identity primary key,
    cluster text not null,
    topic text not null,
    partition integer not null,
    "offset" bigint not null,
    digest bytea not null generated always as (sha256(coalesce(value, ''))) stored,
    key bytea,
    value bytea,
    reason text not null,
    state text not null default 'dead' check (state in ('dead', 'replayed', 'resolved')),
    attempts integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    replayed_at timestamptz,
    unique (cluster, topic, partition, "offset", digest)
);
create index dead_letters_state on dead_letters (state, id);

create table cursors (
    source text primary key,
    cursor jsonb not null,
    updated_at timestamptz not null default now()
);
"""

DESK = """
create table replies (
    id bigint generated always as identity primary key,
    ticket_id text not null,
    event_id text not null,
    text text not null,
    state text not null default 'draft'
        check (state in ('draft', 'approved', 'sending', 'sent', 'failed', 'uncertain', 'discarded')),
    model_version text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    approved_by text,
    sent_id text,
    unique (ticket_id, event_id)
);

create table incidents (
    id text primary key,
    brand text,
    topic text,
    title text not null,
    severity smallint not null check (severity between 1 and 10),
    started_at timestamptz not null,
    ended_at timestamptz,
    evidence jsonb not null,
    version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);

create table corrections (
    id bigint generated always as identity primary key,
    event_id text not null,
    field text not null,
    said text,
    should_be text,
    who text not null,
    created_at timestamptz not null default now()
);

create table users (
    id bigint generated always as identity primary key,
    name text not null unique,
    password_hash text not null,
    role text not null,
    created_at timestamptz not null default now(),
    disabled_at timestamptz
);

create table api_keys (
    id bigint generated always as identity primary key,
    user_id bigint not null references users on delete cascade,
    name text not null,
    digest bytea not null unique,
    created_at timestamptz not null default now(),
    last_used_at timestamptz,
    revoked_at timestamptz
);

create table audit (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    who text not null,
    action text not null,
    subject text,
    details jsonb not null default '{}'
);
"""

PARTITIONS = """
create table events_default partition of events default;
create table ticket_changes_default partition of ticket_changes default;
create table signal_counts_default partition of signal_counts default;

-- Makes this month's partition and the coming ones; returns how many it made. A month for which the default partition
-- holds rows already (it was replayed ahead of its time) stays there: Postgres would refuse to split it.
create function ensure_partitions(months_ahead integer) returns integer language plpgsql as $$
declare
    parent text;
    column_name text;
    starts timestamp;
    ends timestamp;
    partition text;
    taken boolean;
    made integer := 0;
begin
    for parent, column_name in
        values ('events', 'occurred_at'), ('ticket_changes', 'changed_at'), ('signal_counts', 'minute')
    loop
        for ahead in 0..months_ahead loop
            starts := date_trunc('month', now() at time zone 'UTC') + make_interval(months => ahead);
            ends := starts + interval '1 month';
            partition := parent || to_char(starts, '_YYYY_MM');
            continue when to_regclass(partition) is not null;
            perform pg_advisory_xact_lock(hashtextextended('earshot partitions', 0));
            -- Another command may have made it meanwhile. to_regclass remembers that there was none, a query looks.
            continue when exists (
                select from pg_class where relname = partition and relnamespace = current_schema()::regnamespace
            );
            execute format(
                'select exists (select from %I where %I >= %L and %2$I < %4$L)',
                parent || '_default', column_name, starts at time zone 'UTC', ends at time zone 'UTC'
            ) into taken;
            continue when taken;
            execute format(
                'create table %I partition of %I for values from (%L) to (%L)',
                partition, parent, starts at time zone 'UTC', ends at time zone 'UTC'
            );
            made := made + 1;
        end loop;
    end loop;
    return made;
end
$$;
"""
