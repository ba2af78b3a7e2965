"""The `web` process: `python -m worker.web`. SIGTERM and SIGINT end it after the requests at hand."""

import signal
import sys
from types import FrameType

import structlog
import uvicorn

from settings import load_settings
from worker import telemetry
from worker.errors import OdnowaError
from worker.queue import metering
from worker.web import health, metrics, webhooks
from worker.web.app import build_app
from worker.web.console import open_console

GRACE_S = 20
CONNECTIONS_MAX = 200
IDLE_S = 15
HEADERS_MAX_BYTES = 16_384

log = structlog.get_logger("web")


def main() -> int:
    """Serve until a signal. Returns the process's exit code."""
    try:
        settings = load_settings()
        telemetry.configure_logging(level=settings.log_level, style=settings.log_format)
        console = open_console(settings)
    except OdnowaError as error:
        print(f"web: {error}", file=sys.stderr)  # noqa: T201 - the one line for whoever started it
        return 1
    console.specs()
    metering.begin()
    # uvicorn ends in order and then raises the signal again, for whoever stood here before it
    signal.signal(signal.SIGTERM, _ended)
    signal.signal(signal.SIGINT, _ended)
    log.info("web_started", host=settings.web_host, port=settings.web_port)
    uvicorn.run(
        build_app(console, [one(console.runtime) for one in (webhooks.routes, health.routes, metrics.routes)]),
        host=settings.web_host,
        port=settings.web_port,
        # our own: who may speak for others is said by TRUSTED_PROXIES
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        limit_concurrency=CONNECTIONS_MAX,
        timeout_keep_alive=IDLE_S,
        timeout_graceful_shutdown=GRACE_S,
        h11_max_incomplete_event_size=HEADERS_MAX_BYTES,
        http="h11",
        ws="none",
    )
    log.info("web_stopped")
    return 0


def _ended(signum: int, frame: FrameType | None) -> None:
    del signum, frame


if __name__ == "__main__":
    sys.exit(main())
