"""Keys for what the desk does."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_script(op.get_bind(), CHANGES)


CHANGES = """
alter table api_keys drop constraint api_keys_scopes_known;
alter table api_keys add constraint api_keys_scopes_known
    check (cardinality(scopes) > 0 and scopes <@ array['analyze', 'events', 'read', 'desk']);
"""
