"""One emulator for all tests of this folder, put back to its ease between them, and ways to speak to it."""

import itertools
import secrets
from collections.abc import Iterator

import pytest

from tests.sandbox.emulator.desk import Desk
from tests.support.processes import listening


@pytest.fixture(scope="session")
def _desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    folder = tmp_path_factory.mktemp("stripe")
    journal = folder / "journal.jsonl"
    with listening("worker.sandbox.emulator", "--journal", journal, folder=folder) as process:
        desk = Desk(process.url, journal, itertools.count(1), secrets.token_hex(3))
        yield desk
        desk.close()


@pytest.fixture
def desk(_desk: Desk) -> Iterator[Desk]:
    """The emulator without faults, limits and latency; its clock only goes forward, its objects stay."""
    yield _desk
    _desk.control("DELETE", "faults")
    _desk.control("PUT", "limits", {})
    _desk.control("PUT", "latency", {"ms": 0})
