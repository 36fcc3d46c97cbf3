"""Models that judge beside the one in use, counted by how their classes differ; alerts of drift."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    run_script(op.get_bind(), SHADOWS)


def downgrade() -> None:
    run_script(op.get_bind(), BACK)


SHADOWS = """
create table shadows (
    version text primary key,  -- of the model that judges beside the one in use
    share double precision not null check (share > 0 and share <= 1),
    started_at timestamptz not null,
    looked_at timestamptz not null,
    stopped_at timestamptz,  -- asked to end
    messages integer not null default 0,
    failed integer not null default 0
);

-- How many messages both judged so. examples: the latest ids of those on which the two differ.
create table shadow_counts (
    version text not null references shadows (version) on delete cascade,
    in_use text not null,
    brand text not null,  -- '' for none
    field text not null,
    label text not null,  -- of the model in use
    shadow_label text not null,
    messages integer not null,
    examples text[] not null,
    primary key (version, in_use, brand, field, label, shadow_label)
);

alter table alerts
    drop constraint alerts_kind_check,
    add constraint alerts_kind_check
        check (kind in ('p1', 'burst', 'spend', 'surge', 'backlog', 'drift'));
"""

BACK = """
drop table shadow_counts, shadows;
delete from alert_deliveries where alert_id in (select id from alerts where kind = 'drift');
delete from alerts where kind = 'drift';
alter table alerts
    drop constraint alerts_kind_check,
    add constraint alerts_kind_check check (kind in ('p1', 'burst', 'spend', 'surge', 'backlog'));
"""
