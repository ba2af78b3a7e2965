"""Pages of documents live in a place of files; the table keeps their hash, which is their address."""

from alembic import op

from worker.store.migrations import sql_file

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    op.execute(sql_file("0007_files"))
