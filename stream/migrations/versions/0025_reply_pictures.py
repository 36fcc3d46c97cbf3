"""Pictures of replies: what they show stands with the reply, their bytes in a table of their own."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    run_script(op.get_bind(), PICTURES)


def downgrade() -> None:
    run_script(op.get_bind(), BACK)


PICTURES = """
-- In order, an object each: id, type, alt, width, height, size.
alter table replies add column pictures jsonb not null default '[]';

create table reply_pictures (
    id bigint generated always as identity primary key,
    reply_id bigint not null references replies on delete cascade,
    content bytea not null  -- a PNG or a JPEG without metadata
);
create index reply_pictures_reply on reply_pictures (reply_id);
alter table reply_pictures alter column content set storage external;  -- it is packed already

alter table reply_pictures enable row level security;
create policy bound on reply_pictures for select
    using ((select bound_brands()) is null or exists (select from replies where replies.id = reply_id));
create policy bound_insert on reply_pictures for insert
    with check ((select bound_brands()) is not null and exists (select from replies where replies.id = reply_id));
create policy bound_delete on reply_pictures for delete
    using ((select bound_brands()) is not null and exists (select from replies where replies.id = reply_id));
"""

BACK = """
drop table reply_pictures;
alter table replies drop column pictures;
"""
