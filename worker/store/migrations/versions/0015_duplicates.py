"""Refunds of what was charged twice: payouts of PaymentIntents that no charge carries."""

from worker.store.migrations.running import run

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run("0015_duplicates")
