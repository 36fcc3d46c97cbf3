"""Devices that a person logged in from, first passwords that are to be changed, sessions of 12 h."""

from alembic import op

from stream.postgres.schema import run_script

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    run_script(op.get_bind(), CHANGES)


CHANGES = """
-- Browsers from which a person has logged in. Other people's guesses do not slow them.
create table login_devices (
    digest bytea primary key,
    user_id bigint not null references users on delete cascade,
    used_at timestamptz not null default now()
);
create index login_devices_user on login_devices (user_id, used_at);
alter table failed_logins add column device bytea;  -- known for the name; null: a stranger's
create index failed_logins_name on failed_logins (name, at);
create index failed_logins_address on failed_logins (address, at);

-- Made by an admin or a program, who know it: its owner is to choose another one first.
alter table users add column must_change_password boolean not null default false;

update sessions set expires_at = least(expires_at, created_at + interval '12 hours');
"""
