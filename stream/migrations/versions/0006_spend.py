"""What networks that charge were paid, by day."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_script(op.get_bind(), CHANGES)


CHANGES = """
-- A day is one of UTC. what: read, owned_read, post, post_with_url. micros: millionths of a US dollar.
create table spend (
    network text not null,
    brand text not null,
    day date not null,
    what text not null,
    count bigint not null,
    micros bigint not null,
    updated_at timestamptz not null default now(),
    primary key (network, brand, day, what)
);
"""
