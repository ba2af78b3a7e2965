"""Jobs paused and resumed by hand, with a reason and an audit row."""

from sqlalchemy import Engine

from worker import boundary, jobs
from worker.errors import RefusedError
from worker.job import find
from worker.queue import pausing
from worker.store import operations


def pause(engine: Engine, job: str, *, by: str, reason: str) -> None:
    """Start nothing of a job until it is resumed; what is leased is worked to its end, and plans are made as ever.

    Raises:
        UnknownJobError: no such job.
        RefusedError: it is paused already.
    """
    jobs.load()
    name = find(job).name
    with boundary.transaction(engine, "operating.pause") as connection:
        if not pausing.pause(connection, name, by=by, reason=reason):
            raise RefusedError(f"{name} is paused already")
        operations.write_audit(connection, actor=by, act="pause", reason=reason, details={"job": name})


def resume(engine: Engine, job: str, *, by: str, reason: str) -> None:
    """Let a paused job go on; the scheduler rings for what waits.

    Raises:
        UnknownJobError: no such job.
        RefusedError: it is not paused.
    """
    jobs.load()
    name = find(job).name
    with boundary.transaction(engine, "operating.resume") as connection:
        if not pausing.resume(connection, name):
            raise RefusedError(f"{name} is not paused")
        operations.write_audit(connection, actor=by, act="resume", reason=reason, details={"job": name})
