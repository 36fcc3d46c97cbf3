"""API keys and what the REST interface needs."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_script(op.get_bind(), CHANGES)


# A key may belong to nobody in particular (a machine). prefix: what a list shows, so that a person
# knows it again.
CHANGES = """
alter table api_keys alter column user_id drop not null;
alter table api_keys add column prefix text not null;
alter table api_keys add column scopes text[] not null;
alter table api_keys add constraint api_keys_scopes_known
    check (cardinality(scopes) > 0 and scopes <@ array['analyze', 'events', 'read']);
create unique index api_keys_name_in_use on api_keys (name) where revoked_at is null;
"""
