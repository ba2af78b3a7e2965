"""Paper: printed editions of a document (R17), and issued documents that nobody can change (R16)."""

from alembic import op

from worker.store.migrations import sql_file

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    op.execute(sql_file("0004_paper"))
