"""What a run's row says: its state in a word, and its facts for programs."""

from typing import Any

from sqlalchemy import Row


def state_of(row: Row[Any]) -> str:
    """`held`, `dead` when items of it are, `running`, `dropped` or `done`."""
    if row.held_at is not None:
        return "held"
    if row.open:
        return "running"
    if row.dead:
        return "dead"
    return "dropped" if row.planned.get("dropped") else "done"


def as_dict(row: Row[Any]) -> dict[str, object]:
    """All columns, and the state."""
    return {**row._mapping, "state": state_of(row)}  # noqa: SLF001 - SQLAlchemy's public name begins with an underscore
