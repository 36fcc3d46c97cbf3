"""Every brand its own: a ticket in a conversation of several, and row-level security for writes, too."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_script(op.get_bind(), PARTS)
    run_script(op.get_bind(), WRITES)


PARTS = """
-- The ticket of the brand that is named first has the conversation's id; another's, that id, a space (which no
-- conversation's id has) and the brand.
create index tickets_of_conversation on tickets (split_part(id, ' ', 1)) where position(' ' in id) > 0;
create index ticket_changes_of_conversation on ticket_changes (split_part(ticket_id, ' ', 1))
    where position(' ' in ticket_id) > 0;

-- The ticket's brand as it was then: where an earlier message names another brand, the ticket becomes that one's, and
-- its people learn nothing of before. Null: from before this column.
alter table ticket_changes add column brand text;

drop policy bound on ticket_changes;
create policy bound on ticket_changes for select
    using ((select bound_brands()) is null or (
        exists (select from tickets where tickets.id = ticket_id)
        and (brand is null or brand = any ((select bound_brands())::text[]))
    ));
drop policy bound on replies;
create policy bound on replies for select
    using ((select bound_brands()) is null or (
        exists (select from tickets where tickets.id = ticket_id)
        and (brand is null or brand = any ((select bound_brands())::text[]))
    ));
"""

WRITES = """
-- What people who are bound to brands write, by the role earshot_bound. Only there is a write without a policy allowed,
-- so these name no one who sees all brands: the owner is asked none, and no other login may write.
create policy bound_update on tickets for update
    using (brand = any ((select bound_brands())::text[]))
    with check (brand = any ((select bound_brands())::text[]));
create policy bound_update on alerts for update
    using (brand = any ((select bound_brands())::text[]))
    with check (brand = any ((select bound_brands())::text[]));
create policy bound_insert on ticket_changes for insert
    with check (
        exists (select from tickets where tickets.id = ticket_id)
        and brand = any ((select bound_brands())::text[])
    );
create policy bound_insert on replies for insert
    with check (
        exists (select from tickets where tickets.id = ticket_id)
        and coalesce(brand = any ((select bound_brands())::text[]), (select bound_brands()) is not null)
    );
create policy bound_update on replies for update
    using (
        exists (select from tickets where tickets.id = ticket_id)
        and coalesce(brand = any ((select bound_brands())::text[]), (select bound_brands()) is not null)
    );
create policy bound_insert on corrections for insert
    with check (
        exists (select from events where events.id = event_id) and (select bound_brands()) is not null
    );
create policy bound_insert on presence for insert
    with check (
        exists (select from tickets where tickets.id = ticket_id) and (select bound_brands()) is not null
    );
create policy bound_update on presence for update
    using (
        exists (select from tickets where tickets.id = ticket_id) and (select bound_brands()) is not null
    );
create policy bound_delete on presence for delete
    using (
        exists (select from tickets where tickets.id = ticket_id) and (select bound_brands()) is not null
    );

-- Whoever changes a row makes it known; to notify otherwise is the owner's alone.
alter function tell_changes() security definer;
alter function tell_changes() set search_path = pg_catalog, pg_temp;
"""
