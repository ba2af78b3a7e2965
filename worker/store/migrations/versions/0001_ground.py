"""The ground: every table of the night shift, and the view entitlements."""

from alembic import op

from worker.store.migrations import sql_file

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Run the SQL file of the same name."""
    op.execute(sql_file("0001_ground"))
