"""The web process: the inbox of the provider's webhooks, and what processes counted."""

from worker.store.migrations.running import run

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run("0016_web")
