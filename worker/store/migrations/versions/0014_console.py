"""The ops console: users, sessions, knocks; paused jobs; how items failed."""

from worker.store.migrations.running import run

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run("0014_console")
