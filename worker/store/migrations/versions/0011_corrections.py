"""Corrections of invoices: what replaces a wrong one, and which invoice of its charge a reversal is of."""

from worker.store.migrations.running import run

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run("0011_corrections")
