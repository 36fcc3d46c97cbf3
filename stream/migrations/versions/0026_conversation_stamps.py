"""Stamps of conversations: who remembers one knows by them whether it is as it was."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    run_script(op.get_bind(), STAMPS)


def downgrade() -> None:
    run_script(op.get_bind(), BACK)


STAMPS = """
create table conversation_stamps (
    key bigint primary key,  -- hashtextextended(conversation, 0): two that share it are read anew, no more
    stamp uuid not null
);

-- Rows stay and get another stamp: a row that was deleted and made again would escape who waits for it.
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
create function stamp_all() returns trigger language plpgsql as $$
begin
    lock table conversation_stamps in exclusive mode;
    delete from conversation_stamps;
    return null;
end
$$;
create trigger events_added after insert on events
    referencing new table as added for each statement execute function stamp_added();
create trigger events_changed after update or delete on events
    for each row execute function stamp_changed();
create trigger events_emptied after truncate on events
    for each statement execute function stamp_all();
"""

BACK = """
drop trigger events_emptied on events;
drop trigger events_changed on events;
drop trigger events_added on events;
drop function stamp_all;
drop function stamp_changed;
drop function stamp_added;
drop table conversation_stamps;
"""
