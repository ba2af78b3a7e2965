"""The console's timetable: the newest runs that were asked for, by an index of their own."""

from worker.store.migrations.running import run

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run("0018_asked_runs")
