"""Structured logs: one line per fact, with job, run and item bound by the queue; no customer data, no secrets.

Nothing of ours writes a secret down, but servers may repeat one to us, in the answer that refuses it. So what leaves
for a log, for the terminal or for a column of errors is searched for the secrets of this process first.
"""

import json
import logging
import sys
import traceback
from types import TracebackType
from typing import Any, TextIO
from urllib.parse import quote

import structlog

HIDDEN = "[hidden]"
SHORTEST = 6
"""A shorter secret is none, and would blank ordinary words."""

_secrets: set[str] = set()


def hide(*secrets: str | None) -> None:
    """Have these never leave this process in words; also as they are written in JSON and in addresses."""
    for secret in secrets:
        if secret is not None and len(secret) >= SHORTEST:
            _secrets.update((secret, json.dumps(secret)[1:-1], quote(secret, safe=""), quote(secret)))


def scrubbed(words: str) -> str:
    """The words without the secrets of this process."""
    for secret in sorted(_secrets, key=len, reverse=True):
        words = words.replace(secret, HIDDEN)
    return words


class _Scrubbing(logging.Formatter):
    """Another formatter's lines without secrets."""

    def __init__(self, inner: logging.Formatter) -> None:
        super().__init__()
        self._inner = inner

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return scrubbed(self._inner.format(record))


def _scrub_line(_logger: object, _method: str, rendered: Any) -> Any:
    return scrubbed(rendered) if isinstance(rendered, str) else rendered


def _last_words(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What ends a process is told like everything else, without secrets."""
    sys.stderr.write(scrubbed("".join(traceback.format_exception(kind, error, trace))))


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
            _scrub_line,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(numeric),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=numeric, format="%(levelname)s %(name)s %(message)s", stream=stream or sys.stderr)
    for handler in logging.getLogger().handlers:  # also those that the dramatiq command has put there
        if not isinstance(handler.formatter, _Scrubbing):
            handler.setFormatter(_Scrubbing(handler.formatter or logging.Formatter()))
    sys.excepthook = _last_words
    # the client logs whole requests and answers at debug, customers and all
    logging.getLogger("stripe").setLevel(logging.WARNING)
    # these tell of every tick and every plugin
    logging.getLogger("alembic").setLevel(logging.WARNING)
    logging.getLogger("apscheduler").setLevel(logging.WARNING)
