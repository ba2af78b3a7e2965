"""The check of a credit note knows which invoice of a charge it corrects."""

from worker.store.migrations.running import run

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Run the SQL file of the same name."""
    run("0013_credit_note_check")
