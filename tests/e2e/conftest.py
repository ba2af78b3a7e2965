"""Installations of real processes, one per test, on a database of their own beside those of the other tests."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.servers import own_database
from worker.sandbox.stage import Stage

MakeStage = Callable[..., Stage]


@pytest.fixture
def make_stage(tmp_path: Path, postgres_server: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakeStage]:
    """Makes an installation that ends with the test."""
    monkeypatch.setenv("DATABASE_URL", postgres_server)  # saves it a server of its own, which takes a second to make
    name = f"odnowa_stage_{os.getpid()}"
    with own_database(postgres_server, name), ExitStack() as stack:

        def make(**how: object) -> Stage:
            return stack.enter_context(Stage(tmp_path / "stage", database=name, **how))  # type: ignore[arg-type]  # passed on

        yield make
