"""The console's pages of money, customers and audit: what finds a customer, a person's acts and a month's money."""

from worker.store.migrations.running import run

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run("0017_pages")
