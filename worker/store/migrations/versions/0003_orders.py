"""Orders: quotes, purchases and changes, lots of mixed prices, money back, disputes, what support grants."""

from alembic import op

from worker.store.migrations import sql_file

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    op.execute(sql_file("0003_orders"))
