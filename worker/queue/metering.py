"""Where what a process counted goes: into the store with each of its beats, see docs/adr/0014."""

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from worker import boundary, meters
from worker.boundary import doors
from worker.store import meters as stored


def begin() -> None:
    """Have this process count from now on; after a fork again, so that nothing is counted twice."""
    meters.begin()
    doors.timing = meters.through_door


def end() -> None:
    """Count no more."""
    doors.timing = None
    meters.end()


def flush(engine: Engine) -> None:
    """Add what was counted to the sums. While the database is away it is kept, and added later."""
    counted = meters.take()
    if not counted:
        return
    try:
        with boundary.transaction(engine, "queue.meters") as connection:
            stored.add(connection, counted)
    except SQLAlchemyError:
        meters.give_back(counted)
