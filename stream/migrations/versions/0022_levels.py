"""An index of the queue by level, so that the tile of a low level opens as fast as the whole queue."""

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.execute("""
        create index tickets_level on tickets (level, priority desc)
            where state not in ('resolved', 'settled') and answered_at is null
    """)


def downgrade() -> None:
    op.execute("drop index tickets_level")
