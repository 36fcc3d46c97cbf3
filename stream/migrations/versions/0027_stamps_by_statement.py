"""Stamps of conversations once a statement: once a row took 3.8 s for 20,000 of one conversation."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    run_script(op.get_bind(), BY_STATEMENT)


def downgrade() -> None:
    run_script(op.get_bind(), BY_ROW)


BY_STATEMENT = """
drop trigger events_changed on events;
drop trigger events_added on events;
drop function stamp_changed;
drop function stamp_added;

-- In the order in which a save locks them, so that neither waits for the other.
create function stamp_keys(keys bigint[]) returns void language sql as $$
    with locked as materialized (
        select key from conversation_stamps where key = any(keys) order by key for update
    )
    update conversation_stamps set stamp = gen_random_uuid() where key in (select key from locked)
$$;
create function stamp_added() returns trigger language plpgsql as $$
begin
    perform stamp_keys(array(select distinct hashtextextended(conversation, 0) from added));
    return null;
end
$$;
create function stamp_changed() returns trigger language plpgsql as $$
begin
    perform stamp_keys(array(
        select hashtextextended(conversation, 0) from removed
        union select hashtextextended(conversation, 0) from added
    ));
    return null;
end
$$;
create function stamp_removed() returns trigger language plpgsql as $$
begin
    perform stamp_keys(array(select distinct hashtextextended(conversation, 0) from removed));
    return null;
end
$$;

-- A statement on a partition fires the partition's triggers alone, and one on `events` those of `events`.
create function stamp_statements_on(name regclass) returns void language plpgsql as $$
begin
    execute format(
        'create trigger events_added after insert on %1$s
            referencing new table as added for each statement execute function stamp_added();
        create trigger events_changed after update on %1$s
            referencing old table as removed new table as added
            for each statement execute function stamp_changed();
        create trigger events_removed after delete on %1$s
            referencing old table as removed for each statement execute function stamp_removed()',
        name
    );
end
$$;
create function stamp_partitions() returns void language plpgsql as $$
declare
    partition regclass;
begin
    for partition in
        select inhrelid from pg_inherits i where inhparent = 'events'::regclass and not exists (
            select from pg_trigger where tgrelid = i.inhrelid and tgname = 'events_changed'
        )
    loop
        perform stamp_statements_on(partition);
        execute format(
            'create trigger events_emptied after truncate on %s
                for each statement execute function stamp_all()',
            partition
        );
    end loop;
end
$$;

alter function ensure_partitions(integer) rename to make_partitions;
create function ensure_partitions(months_ahead integer) returns integer language plpgsql as $$
declare
    made integer := make_partitions(months_ahead);
begin
    if made > 0 then
        perform stamp_partitions();
    end if;
    return made;
end
$$;
select stamp_statements_on('events');
select stamp_partitions();
"""

BY_ROW = """
create function drop_stamps(name regclass) returns void language plpgsql as $$
begin
    execute format(
        'drop trigger if exists events_removed on %1$s; drop trigger if exists events_changed on %1$s;
        drop trigger if exists events_added on %1$s',
        name
    );
end
$$;
select drop_stamps('events');
select drop_stamps(inhrelid) from pg_inherits where inhparent = 'events'::regclass;
do $$
declare
    partition regclass;
begin
    for partition in select inhrelid from pg_inherits where inhparent = 'events'::regclass loop
        execute format('drop trigger if exists events_emptied on %s', partition);
    end loop;
end
$$;
drop function drop_stamps;
drop function ensure_partitions;
alter function make_partitions(integer) rename to ensure_partitions;
drop function stamp_partitions;
drop function stamp_statements_on;
drop function stamp_removed;
drop function stamp_changed;
drop function stamp_added;
drop function stamp_keys;

create function stamp_added() returns trigger language plpgsql as $$
begin
    update conversation_stamps set stamp = gen_random_uuid()
    where key in (select hashtextextended(conversation, 0) from added);
    return null;
end
$$;
create function stamp_changed() returns trigger language plpgsql as $$
begin
    update conversation_stamps set stamp = gen_random_uuid()
    where key in (hashtextextended(old.conversation, 0), hashtextextended(new.conversation, 0));
    return null;
end
$$;
create trigger events_added after insert on events
    referencing new table as added for each statement execute function stamp_added();
create trigger events_changed after update or delete on events
    for each row execute function stamp_changed();
"""
