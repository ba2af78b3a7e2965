"""Reversals, invoices and credit name the correction that they belong to."""

from worker.store.migrations.running import run

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run("0012_of_correction")
