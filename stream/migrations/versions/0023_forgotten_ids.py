"""Ids that told whose messages they were: known by their digest, once the person is forgotten."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    run_script(op.get_bind(), FORGOTTEN)


# The ids stay as they are: nobody can tell what they were.
def downgrade() -> None:
    op.execute("drop table forgotten_ids")


FORGOTTEN = """
create table forgotten_ids (
    id text primary key,  -- made of the digest of what it was
    was text  -- until it is exchanged everywhere
);
create index forgotten_ids_waiting on forgotten_ids (id) where was is not null;
"""
