"""One emulator for the tests of the payment gateway and one stand-in for VIES, put back to their ease between them."""

from collections.abc import Iterator

import pytest

from tests.gateways.register import Register
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


@pytest.fixture(scope="session")
def _register(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Register]:
    with listening("worker.sandbox.vies_stand_in", folder=tmp_path_factory.mktemp("register")) as process:
        yield Register(process.url)


@pytest.fixture
def register(_register: Register) -> Register:
    """A stand-in for VIES that has heard nothing yet."""
    _register.forget()
    return _register
