"""Erasure: accounts whose personal data is deleted, and what they gave up."""

from worker.store.migrations.running import run

revision = "0010"
down_revision = "0007"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run("0010_erasure")
