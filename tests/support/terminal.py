"""Our command line in this process. It is put together once: that takes longer than most of its commands."""

from functools import cache
from typing import Any

import typer
from typer import testing
from typer.testing import CliRunner, Result

__all__ = ["CliRunner", "Result", "put_together"]


@cache
def put_together(app: typer.Typer) -> Any:
    """The commands of an app, as typer makes them anew for each line that is typed; they keep nothing between two."""
    return typer.main.get_command(app)


testing._get_command = put_together  # type: ignore[attr-defined]  # typer leaves no other way in
