"""One item from lease to done, its lease kept alive by one thread per process."""

import contextlib
import threading
from collections.abc import Callable, Mapping

import structlog
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from worker import meters
from worker.clock import monotonic_s
from worker.errors import LeaseLostError
from worker.queue import items, metering
from worker.queue.heartbeats import BEAT_S, beat
from worker.queue.items import Lease

log = structlog.get_logger("queue")

Work = Callable[[Lease], Mapping[str, object]]
LAST_BEAT_S = 2.0
"""The longest wait for a beat that is under way when the process ends."""


class LeaseKeeper:
    """Renews the leases of this process three times within their life, and tells that the process lives.

    It dies with the process, as leases should.

    Args:
        engine: where.
        lease_s: how long a lease lives unrenewed.
        process: a name for this process in `heartbeats`, or None to keep leases only.
        kind: worker or scheduler.
    """

    def __init__(self, engine: Engine, *, lease_s: int, process: str | None = None, kind: str = "worker") -> None:
        self._engine = engine
        self._lease_s = lease_s
        self._process = process
        self._kind = kind
        self._held: dict[int, Lease] = {}
        self._guard = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, *, pid: int) -> None:
        """Begin at once, before any lease is held; `pid` makes the name of the process unique on its host."""
        if self._process is not None:
            self._process = f"{self._process}:{pid}"
        with self._guard:
            self._begin()

    def hold(self, held: Lease) -> None:
        """Keep this lease alive from now on."""
        with self._guard:
            self._held[held.item_id] = held
            self._begin()

    def drop(self, held: Lease) -> None:
        """Stop keeping it."""
        with self._guard:
            self._held.pop(held.item_id, None)

    def stop(self) -> None:
        """End the thread; leases run out by themselves.

        A beat under way is waited for, so that whoever closes the connections next does not close them under it.
        """
        self._ended.set()
        with self._guard:
            thread = self._thread
        if thread is not None:
            thread.join(LAST_BEAT_S)
        if self._process is not None:
            metering.flush(self._engine)

    def _begin(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._keep, name="lease-keeper", daemon=True)
            self._thread.start()

    def _keep(self) -> None:
        while True:
            with self._guard:
                mine = list(self._held.values())
            # a beat that fails is repeated at the next; the fence protects what is written meanwhile
            with contextlib.suppress(SQLAlchemyError):
                items.renew_leases(self._engine, mine, lease_s=self._lease_s)
                if self._process is not None:
                    beat(self._engine, process=self._process, kind=self._kind)
                    metering.flush(self._engine)
            if self._ended.wait(min(self._lease_s / 3, BEAT_S)):
                return


def execute(
    engine: Engine,
    keeper: LeaseKeeper,
    item_id: int,
    work: Work,
    *,
    lease_s: int,
    attempts_max: int,
    interrupts: tuple[type[BaseException], ...] = (),
) -> str | None:
    """Lease the item, do the work, mark it done; a duplicate message finds nothing and leaves in silence.

    `interrupts` are what a worker that is asked to end raises in its work: the item is handed back at once.

    Returns the item's state afterwards, None when there was nothing to do or the lease was lost.
    """
    held = items.lease(engine, item_id, lease_s=lease_s)
    if held is None:
        return None
    keeper.hold(held)
    outcome, began = "interrupted", monotonic_s()
    structlog.contextvars.bind_contextvars(job=held.job, run=held.run_id, item=held.item_id)
    try:
        result = work(held)
        items.finish(engine, held, result)
        outcome = "done"
        _count_results(held.job, result)
    except LeaseLostError:
        outcome = "lease_lost"
        log.warning("lease_lost", attempt=held.attempt)
        return None
    except Exception as error:  # noqa: BLE001 - whatever it was, the item says so and is tried again
        state = items.fail(engine, held, error, attempts_max=attempts_max)
        outcome = "dead" if state == "dead" else "failed"
        log.warning("item_failed", state=state, attempt=held.attempt, error=f"{type(error).__name__}: {error}"[:300])
        return state
    except interrupts:
        items.hand_back(engine, held)
        log.info("item_handed_back")
        raise
    finally:
        keeper.drop(held)
        meters.observe(meters.ITEMS, held.job, seconds=monotonic_s() - began)
        meters.count(meters.ENDS, held.job, outcome)
        structlog.contextvars.unbind_contextvars("job", "run", "item")
    return "done"


def _count_results(job: str, result: Mapping[str, object]) -> None:
    for word, number in result.items():
        if isinstance(number, int) and number > 0:
            meters.count(meters.RESULTS, job, word, by=number)
