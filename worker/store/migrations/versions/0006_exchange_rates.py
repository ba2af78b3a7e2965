"""Published exchange rates, for documents in a currency that is not the tax office's."""

from alembic import op

from worker.store.migrations import sql_file

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    op.execute(sql_file("0006_exchange_rates"))
