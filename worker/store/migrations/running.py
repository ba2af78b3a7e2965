"""How a migration's SQL file is run: as one transaction, or statement by statement where it says so.

Imported by migrations only, since it needs Alembic.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from alembic import op
from sqlalchemy import text

from worker.store.migrations import ALONE, sql_file, statements

PATIENT = ("CONCURRENTLY", "VALIDATE CONSTRAINT")
"""What waits without holding anybody up, and may take long on a large table; all else keeps `LIMITS`."""
PATIENT_LIMITS = {"lock_timeout": "10min", "statement_timeout": "4h"}


def run(name: str) -> None:
    """Run the SQL file of that name: as one transaction, or statement by statement when its first line says so.

    In the second case a failure leaves what came before it, so each of its statements can be repeated.
    """
    sql = sql_file(name)
    if not sql.startswith(ALONE):
        op.execute(sql)
        return
    with op.get_context().autocommit_block():
        for statement in statements(sql):
            if any(word in statement for word in PATIENT):
                with _patience():
                    op.execute(statement)
            else:
                op.execute(statement)


@contextmanager
def _patience() -> Iterator[None]:
    """Longer limits for what is inside."""
    connection = op.get_bind()
    show, give = text("SELECT current_setting(:name)"), text("SELECT set_config(:name, :value, false)")
    before = {name: connection.execute(show, {"name": name}).scalar_one() for name in PATIENT_LIMITS}
    for name, value in PATIENT_LIMITS.items():
        connection.execute(give, {"name": name, "value": value})
    try:
        yield
    finally:
        for name, value in before.items():
            connection.execute(give, {"name": name, "value": value})
