"""One emulator for the tests of the payment gateway, put back to its ease between them."""

from collections.abc import Iterator

import pytest

from tests.gateways.till import Till, open_till
from tests.support.processes import listening


@pytest.fixture(scope="session")
def _till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Till]:
    with listening("worker.sandbox.emulator", folder=tmp_path_factory.mktemp("till")) as process:
        yield open_till(process.url)


@pytest.fixture
def till(_till: Till) -> Iterator[Till]:
    """A gateway and its emulator without faults, limits and latency; its objects stay."""
    _till.emulator.reset_statistics()
    yield _till
    _till.emulator._ask("faults", method="DELETE")
    _till.emulator.limits(per_endpoint=None)
    _till.emulator.latency(0)
