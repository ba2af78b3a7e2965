"""Is this process alive, and could the night's work go on: /livez and /readyz. Nothing secret stands in either."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from worker import boundary
from worker.errors import OdnowaError
from worker.queue import doorbell, heartbeats, items
from worker.runtime import Runtime
from worker.store.migrations import check_migrated

WITHIN_S = 2.0
"""Each check has as long; what has not answered by then has failed."""
WAITING_MAX_S = 900.0
"""An item that was due so long ago is one that nobody takes."""
NO_ANSWER = f"no answer within {WITHIN_S:.0f} s"


class NotReadyError(Exception):
    """What a check found, in a few words; never leaves this file."""


@dataclass(frozen=True, slots=True)
class Check:
    """What came of a check."""

    ok: bool
    seen: str


class Examiner:
    """Asks all checks side by side. A server that hangs holds a few threads of its own, never a request."""

    def __init__(self, runtime: Runtime, *, within_s: float = WITHIN_S) -> None:
        self._checks: Mapping[str, Callable[[Runtime], str]] = {
            "database": _database,
            "migrations": _migrations,
            "redis": _redis,
            "scheduler": _scheduler,
            "worker": _worker,
            "oldest_item": _oldest_item,
        }
        self._runtime = runtime
        self._within_s = within_s
        self._threads = ThreadPoolExecutor(len(self._checks), thread_name_prefix="health")

    def examine(self) -> dict[str, Check]:
        """All checks by name, within the time of one."""
        asked = {name: self._threads.submit(_examined, check, self._runtime) for name, check in self._checks.items()}
        done, _ = wait(asked.values(), timeout=self._within_s)
        for one in asked.values():
            one.cancel()
        return {name: one.result() if one in done else Check(ok=False, seen=NO_ANSWER) for name, one in asked.items()}

    @property
    def names(self) -> Sequence[str]:
        """What is checked."""
        return list(self._checks)


def _examined(check: Callable[[Runtime], str], runtime: Runtime) -> Check:
    try:
        return Check(ok=True, seen=check(runtime))
    except (NotReadyError, OdnowaError) as error:
        return Check(ok=False, seen=str(error) if isinstance(error, NotReadyError) else type(error).__name__)
    except (SQLAlchemyError, OSError) as error:
        return Check(ok=False, seen=type(error).__name__)  # a server's own words may hold its address or worse


def _database(runtime: Runtime) -> str:
    with boundary.transaction(runtime.engine, "web.ready.database") as connection:
        connection.exec_driver_sql("SELECT 1")
    return "answers"


def _migrations(runtime: Runtime) -> str:
    check_migrated(runtime.engine)
    return "fit the code"


def _redis(runtime: Runtime) -> str:
    doorbell.ping(runtime.bell.broker.client)
    return "answers"


def _scheduler(runtime: Runtime) -> str:
    return _alive(runtime, "scheduler")


def _worker(runtime: Runtime) -> str:
    return _alive(runtime, "worker")


def _alive(runtime: Runtime, kind: str) -> str:
    with boundary.transaction(runtime.engine, "web.ready.alive") as connection:
        alive = heartbeats.alive(connection, kind)
    if not alive:
        raise NotReadyError(f"none has beaten for {heartbeats.ALIVE_S} s")
    return f"{alive} alive"


def _oldest_item(runtime: Runtime) -> str:
    with boundary.transaction(runtime.engine, "web.ready.items") as connection:
        age_s = items.oldest_due_s(connection)
    if age_s > WAITING_MAX_S:
        raise NotReadyError(f"the oldest item has been due for {age_s:.0f} s")
    return f"due for {age_s:.0f} s"


def routes(runtime: Runtime) -> list[BaseRoute]:
    """GET /livez: 200 while the process answers. GET /readyz: 200 or 503, with each check as JSON."""
    examiner = Examiner(runtime)

    async def livez(request: Request) -> Response:
        del request
        return PlainTextResponse("alive\n")

    def readyz(request: Request) -> Response:
        del request
        checks = examiner.examine()
        ready = all(one.ok for one in checks.values())
        told = {name: {"ok": one.ok, "seen": one.seen} for name, one in checks.items()}
        return JSONResponse({"ready": ready, "checks": told}, 200 if ready else 503, {"Cache-Control": "no-store"})

    return [Route("/livez", livez, methods=["GET"]), Route("/readyz", readyz, methods=["GET"])]
