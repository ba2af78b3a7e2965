"""The outermost edge of the command line: every foreseen failure becomes one line on stderr and an exit code."""

import sys
from collections.abc import Sequence
from enum import IntEnum
from typing import Any

from typer.core import TyperGroup
from typer.exceptions import TyperException

from worker.errors import OdnowaError
from worker.telemetry import scrubbed


class ExitCode(IntEnum):
    """What the shell is told; `odnowa run --help` lists the same."""

    DONE = 0
    ERROR = 1
    USAGE = 2
    DEAD = 3
    PARKED = 4
    TIMEOUT = 5
    HELD = 6
    NO_WORKER = 7


EXIT_CODES = (
    "Exit codes: 0 done; 1 refused, or an error; 2 wrong usage; 3 items are dead; 4 charges are parked; "
    "5 the time limit came first; 6 the run is held; 7 no worker is alive."
)
NO_PERMISSION = "42501"
"""PostgreSQL's code for a right that the user of DATABASE_URL lacks."""


class OneLineErrors(TyperGroup):
    """A group of commands whose errors end as one line: ours, those of the settings, and the database's."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,  # noqa: FBT001, FBT002 - typer's own signature
        windows_expand_args: bool = True,  # noqa: FBT001, FBT002 - typer's own signature
        **extra: Any,
    ) -> Any:
        """Run and exit; never a traceback for what somebody can put right."""
        del standalone_mode
        try:
            code = super().main(
                args,
                prog_name,
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        except TyperException as error:
            # of wrong usage typer says more than one line; one is enough to know where to look
            say(f"{_one_line(error.format_message())} (see --help)")
            code = error.exit_code
        except Exception as error:
            line = explained(error)
            if line is None:
                raise
            say(line)
            code = ExitCode.ERROR
        sys.exit(int(code) if isinstance(code, int) else ExitCode.DONE)


def say(line: str) -> None:
    """One line to the person at the terminal, beside whatever stdout carries."""
    sys.stderr.write(f"odnowa: {scrubbed(line)}\n")


def explained(error: BaseException) -> str | None:
    """What to tell of an error in one line, None when it is a fault of ours and deserves its traceback."""
    if isinstance(error, OdnowaError):
        return _one_line(str(error))
    if isinstance(error, OSError) and error.filename is not None:
        return _one_line(f"{error.filename}: {error.strerror}")
    return _of_database(error)


def _of_database(error: BaseException) -> str | None:
    from sqlalchemy import exc

    if isinstance(error, exc.TimeoutError):
        return "the database does not answer: no connection came free"
    if not isinstance(error, exc.DBAPIError):
        return None
    state = getattr(error.orig, "sqlstate", None)
    if isinstance(error, exc.OperationalError):
        # without a state of its own the server never spoke
        return _one_line(f"the database {'does not answer' if state is None else 'gave up'}: {error.orig}")
    return _one_line(f"the database refuses: {error.orig}") if state == NO_PERMISSION else None


def _one_line(words: str) -> str:
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return lines[0] if lines else "it said nothing"
