"""Runs the emulator as a process of its own; flags only, no environment."""

import argparse
import asyncio
import ctypes
import gc
import os
import signal
import sys
from pathlib import Path

from aiohttp import web

from worker.sandbox.emulator import keeping
from worker.sandbox.emulator.clock import Clock
from worker.sandbox.emulator.dials import Dials
from worker.sandbox.emulator.journal import Journal
from worker.sandbox.emulator.limits import Limits
from worker.sandbox.emulator.requestlog import RequestLog
from worker.sandbox.emulator.resetting import Resettable
from worker.sandbox.emulator.server import Server
from worker.sandbox.emulator.world import World

LOOPBACK = "127.0.0.1"
_PR_SET_PDEATHSIG = 1
_GARBAGE_THRESHOLD = 50_000  # nothing here makes cycles in bulk, and a full scan of all objects stalls answers


def main() -> None:
    """Parse the flags, serve until SIGTERM or SIGINT."""
    parser = _flags()
    flags = parser.parse_args()
    if flags.keep is not None and flags.journal is not None:
        parser.error("--keep keeps the journal too: it goes without --journal")
    if flags.die_with_parent:
        _die_with_parent()
    gc.set_threshold(_GARBAGE_THRESHOLD, 50, 100)
    asyncio.run(_serve(flags))


async def _serve(flags: argparse.Namespace) -> None:
    url = ""

    def dials() -> Dials:
        limits = Limits(per_endpoint=flags.rate_limit_per_endpoint, overall=flags.rate_limit_global)
        return Dials(limits, latency_s=flags.latency_ms / 1000)

    def make() -> Server:
        world = World(Clock(), Journal(flags.journal))
        world.base_url = url
        return Server(world, dials())

    served = Resettable(make)
    if flags.keep is not None and flags.keep.exists():
        served.now = keeping.load(flags.keep, dials())
    log = None if flags.requests is None else RequestLog(flags.requests, served.handle, served.time)
    handle = served.handle if log is None else log.handle
    runner = web.ServerRunner(web.Server(handle, access_log=None), shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, flags.port).start()
    port = runner.addresses[0][1]
    served.now.world.base_url = url = f"http://{LOOPBACK}:{port}"
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    print(f"*** STRIPE EMULATOR on {url} - NOT STRIPE, MOVES NO REAL MONEY ***", flush=True)
    _write_port(flags.port_file, port)
    await stop.wait()
    await runner.cleanup()
    served.now.world.journal.close()
    if log is not None:
        log.close()
    if flags.keep is not None:
        keeping.save(served.now, flags.keep)


def _write_port(path: Path, port: int) -> None:
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    partial.write_text(f"{port}\n", encoding="ascii")
    partial.replace(path)


def _die_with_parent() -> None:
    parent = os.getppid()
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM) != 0:
        sys.exit("the emulator could not ask to die with its parent")
    if os.getppid() != parent:  # it died before we asked
        sys.exit(0)


def _flags() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="emulator", description="A Stripe emulator on loopback; moves no real money.")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free one")
    parser.add_argument("--port-file", type=Path, required=True, help="gets the port once it is served")
    parser.add_argument("--journal", type=Path, help="JSONL file to append every charge to")
    parser.add_argument("--requests", type=Path, help="JSONL file to append every request to the API and its answer to")
    parser.add_argument("--keep", type=Path, help="file from which the account goes on, and to which it is written")
    parser.add_argument("--rate-limit-per-endpoint", type=float, help="requests a second; Stripe's is 25")
    parser.add_argument("--rate-limit-global", type=float, help="requests a second; Stripe's is 100 (sandbox 25)")
    parser.add_argument("--latency-ms", type=float, default=0.0, help="added to every answer of the API")
    parser.add_argument("--die-with-parent", action="store_true", help="SIGTERM to itself when the starter dies")
    return parser


if __name__ == "__main__":
    main()
