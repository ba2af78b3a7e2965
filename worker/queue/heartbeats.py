"""Who lives: workers and schedulers say so every few seconds, so that others can tell when nobody does."""

from sqlalchemy import Connection, Engine, text

from worker import boundary

BEAT_S = 5
ALIVE_S = 20
"""A process that has not beaten for so long counts as gone."""

_BEAT = text("""
    INSERT INTO heartbeats (process, kind) VALUES (:process, :kind)
    ON CONFLICT (process) DO UPDATE SET beat_at = now()
""")
_FORGET = text("DELETE FROM heartbeats WHERE beat_at < now() - interval '1 day'")
_ALIVE = text(
    "SELECT count(*) FROM heartbeats WHERE kind = :kind AND beat_at > now() - make_interval(secs => :alive_s)"
)


def beat(engine: Engine, *, process: str, kind: str) -> None:
    """Say that this process lives."""
    with boundary.transaction(engine, "queue.beat") as connection:
        connection.execute(_BEAT, {"process": process, "kind": kind})
        connection.execute(_FORGET)


def alive(connection: Connection, kind: str) -> int:
    """How many processes of that kind have beaten lately."""
    return int(connection.execute(_ALIVE, {"kind": kind, "alive_s": ALIVE_S}).scalar_one())
