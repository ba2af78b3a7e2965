"""The ops console: users, sessions, knocks; paused jobs; how items failed."""

from worker.store.migrations.running import run

revision = "0013"
down_revision = "0010"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run("0013_console")
