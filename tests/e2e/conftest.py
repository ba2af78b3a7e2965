"""Installations of real processes, one per test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from worker.sandbox.stage import Stage

MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(tmp_path: Path) -> Iterator[MakeStage]:
    """Makes installations that end with the test."""
    with ExitStack() as stack:

        def make(**how: object) -> Stage:
            return stack.enter_context(Stage(tmp_path / "stage", **how))  # type: ignore[arg-type]  # passed on

        yield make
