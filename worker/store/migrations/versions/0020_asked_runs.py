"""The console's timetable: the newest runs that were asked for, by an index of their own."""

from worker.store.migrations.running import run

revision = "0020"
down_revision = "0016"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run("0020_asked_runs")
