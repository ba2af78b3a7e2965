"""What each worker process loads: `python -m worker.workers worker.main`. Settings, the broker, one actor per job."""

import os
import socket
import sys

import dramatiq
from dramatiq.middleware import Middleware, Shutdown

from settings import load_settings
from worker import jobs, telemetry
from worker.broker import QUEUE, die_with_master
from worker.errors import OdnowaError
from worker.job import Job
from worker.queue import metering
from worker.queue.execution import LeaseKeeper, execute
from worker.queue.items import Lease
from worker.runtime import Runtime, open_runtime


def compose() -> Runtime:
    """The parts of this process, checked against the database; ends the process with one line when it cannot be."""
    try:
        settings = load_settings()
        telemetry.configure_logging(level=settings.log_level, style=settings.log_format)
        return open_runtime(settings)
    except OdnowaError as error:
        sys.exit(f"worker: {error}")


die_with_master()  # before anything that may wait
runtime = compose()
keeper = LeaseKeeper(
    runtime.engine, lease_s=runtime.limits.lease_s, process=f"worker:{socket.gethostname()}", kind="worker"
)


class Presence(Middleware):
    """Tells the database that this process lives, from boot to shutdown."""

    def after_process_boot(self, broker: dramatiq.Broker) -> None:
        """Connections made before the fork are the master's; start afresh, then begin to beat."""
        del broker
        runtime.engine.dispose(close=False)
        metering.begin()
        keeper.start(pid=os.getpid())

    def before_worker_shutdown(self, broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        """Stop beating; leases still held run out by themselves."""
        del broker, worker
        keeper.stop()


def declare(one: Job) -> None:
    """Make the job's actor: its message is an item's id."""

    def actor(item_id: int) -> None:
        def work(held: Lease) -> dict[str, object]:
            return dict(one.work(runtime, held))

        execute(
            runtime.engine,
            keeper,
            item_id,
            work,
            lease_s=runtime.limits.lease_s,
            attempts_max=runtime.limits.item_attempts_max,
            interrupts=(Shutdown,),
        )

    dramatiq.actor(actor_name=one.name, queue_name=QUEUE, broker=broker)(actor)


broker = runtime.bell.broker
broker.add_middleware(Presence())
dramatiq.set_broker(broker)
for each in jobs.load().values():
    declare(each)
