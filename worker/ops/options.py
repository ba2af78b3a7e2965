"""Options that several commands share, and how their values are read."""

import getpass
import os
from datetime import date
from typing import Annotated

import typer


def day(value: str) -> date:
    """A calendar date. Raises BadParameter, which is wrong usage."""
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise typer.BadParameter(f"{value!r} is no date like 2026-03-31") from None


def whoami() -> str:
    """The login name, for the audit log; the user's number where the system knows no name."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return f"uid-{os.getuid()}"


Json = Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")]
By = Annotated[
    str, typer.Option("--by", help="Who does this, for the audit log.", default_factory=whoami, show_default="login")
]
Reason = Annotated[str | None, typer.Option("--reason", help="Why, for the audit log.")]
NeedsReason = Annotated[str, typer.Option("--reason", help="Why, for the audit log.")]
Day = Annotated[
    date | None, typer.Option("--date", parser=day, metavar="YYYY-MM-DD", help="The business date; today if not given.")
]
DayFilter = Annotated[
    date | None, typer.Option("--date", parser=day, metavar="YYYY-MM-DD", help="Only this business date.")
]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most.")]
