"""The web process: the inbox of the provider's webhooks, and what processes counted."""

from worker.store.migrations.running import run

revision = "0014"
down_revision = "0010"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run("0014_web")
