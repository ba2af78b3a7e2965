"""VAT numbers that VIES is asked about, and what it said (R19, R19b)."""

from alembic import op

from worker.store.migrations import sql_file

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    op.execute(sql_file("0005_vat"))
