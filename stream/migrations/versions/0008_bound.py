"""What tells of a brand and had no policy yet: a login that is bound to brands sees no other one's."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_script(op.get_bind(), CHANGES)


CHANGES = """
alter table spend enable row level security;
alter table alert_deliveries enable row level security;
alter table incident_tickets enable row level security;
alter table desk_clocks enable row level security;
alter table desk_shifts enable row level security;

create policy bound on spend for select
    using ((select bound_brands()) is null or brand = any ((select bound_brands())::text[]));
create policy bound on desk_clocks for select
    using ((select bound_brands()) is null or brand = any ((select bound_brands())::text[]));
create policy bound on desk_shifts for select
    using ((select bound_brands()) is null or brand = any ((select bound_brands())::text[]));
create policy bound on alert_deliveries for select
    using ((select bound_brands()) is null or exists (select from alerts where alerts.id = alert_id));
create policy bound on incident_tickets for select
    using ((select bound_brands()) is null or exists (select from incidents where incidents.id = incident_id));
"""
