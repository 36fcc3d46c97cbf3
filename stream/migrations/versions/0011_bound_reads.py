"""What the desk reads for somebody who is bound to brands is bound by row-level security, too."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_script(op.get_bind(), CHANGES)


CHANGES = """
-- A login of somebody's own is bound by its name, which nobody can change. The server takes the role earshot_bound for
-- one transaction, and says which brands: nobody may log in as it, and no person's login may take it.
do $do$
begin
    execute format($body$
        create or replace function bound_brands() returns text[] language sql stable security definer
        set search_path = pg_catalog, pg_temp as $$
            select case when current_setting('role') = 'earshot_bound'
                then coalesce(nullif(current_setting('earshot.brands', true), '')::text[], '{}')
                else (select case when disabled_at is null then brands else '{}' end
                      from %I.users where login = session_user)
            end
        $$
    $body$, current_schema());
end
$do$;

alter table presence enable row level security;
create policy bound on presence for select
    using ((select bound_brands()) is null or exists (select from tickets where tickets.id = ticket_id));
"""
