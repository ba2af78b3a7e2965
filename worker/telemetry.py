"""Structured logs: one line per fact, with job, run and item bound by the queue; no customer data, no secrets."""

import logging
import sys
from typing import TextIO

import structlog


def configure_logging(*, level: str, style: str, stream: TextIO | None = None) -> None:
    """Set up logs for this process.

    Args:
        level: debug, info, warning or error.
        style: `json` for machines, `text` for people.
        stream: where to, standard error when None.
    """
    numeric = logging.getLevelNamesMapping()[level.upper()]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if style == "json" else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=numeric, format="%(levelname)s %(name)s %(message)s", stream=stream or sys.stderr)
    # the client logs whole requests and answers at debug, customers and all
    logging.getLogger("stripe").setLevel(logging.WARNING)
    # these tell of every tick and every plugin
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
