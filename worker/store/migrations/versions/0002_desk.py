"""The desk: its requests with their results, and the customers' notes for invoices."""

from alembic import op

from worker.store.migrations import sql_file

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    op.execute(sql_file("0002_desk"))
