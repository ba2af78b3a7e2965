"""An operator at a terminal: the real command line on real servers, with settings of its own."""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

import pytest
from sqlalchemy import Engine

from tests.support.house import Told
from tests.support.processes import CHECKOUT
from tests.support.terminal import CliRunner, Result
from worker.ops.app import app
from worker.runtime import Runtime, make_runtime


class Odnowa(Protocol):
    """Runs a command line as if typed."""

    def __call__(self, *arguments: str, env: Mapping[str, str | None] | None = None) -> Result: ...


@pytest.fixture
def environment(postgres_url: str, redis_url: str, tmp_path: Path) -> dict[str, str]:
    """The variables that make the settings whole; the provider's port is one where nobody listens."""
    return {
        "DATABASE_URL": postgres_url,
        "REDIS_URL": redis_url,
        "STRIPE_API_KEY": "sk_test_emulator",
        "STRIPE_API_BASE": "http://127.0.0.1:9",
        "LINK_SIGNING_KEY": "only-for-tests-" * 3,
        "SMTP_PORT": "9",
        "FILES_URL": str(tmp_path / "files"),
    }


@pytest.fixture
def odnowa(engine: Engine, environment: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Odnowa:
    """The command line on an emptied database; `env` changes variables, None unsets one."""
    del engine
    monkeypatch.chdir(tmp_path)  # nobody's .env
    runner = CliRunner()

    def run(*arguments: str, env: Mapping[str, str | None] | None = None) -> Result:
        result = runner.invoke(app, list(arguments), env={**environment, **(env or {})})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


class Shell(Protocol):
    """Runs a command line as a process of its own; keyword arguments change variables."""

    def __call__(self, line: str, **changes: str) -> "subprocess.CompletedProcess[str]": ...


@pytest.fixture
def shell(engine: Engine, environment: dict[str, str], tmp_path: Path) -> Shell:
    """The command line as the shell starts it, on an emptied database."""
    del engine

    def run(line: str, **changes: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "worker.ops.app", *line.split()],
            env={**environment, **changes, "PYTHONPATH": str(CHECKOUT)},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


@pytest.fixture
def make(environment: dict[str, str], engine: Engine) -> Iterator[Callable[..., Runtime]]:
    """Makes runtimes of these settings, with some of them changed."""
    del engine
    made: list[Runtime] = []

    def build(**changes: object) -> Runtime:
        values = {name.lower(): value for name, value in environment.items()} | changes
        made.append(make_runtime(Told(**values)))  # type: ignore[arg-type] # values of many types
        return made[-1]

    yield build
    for runtime in made:
        runtime.engine.dispose()
        runtime.bell.broker.client.close()


@pytest.fixture
def runtime(make: Callable[..., Runtime]) -> Runtime:
    """All parts, on this test's servers."""
    return make()
