"""The console in this process: real PostgreSQL, people with passwords, browsers that keep cookies."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Engine
from starlette.testclient import TestClient

from settings import Settings
from tests.support.builders import NOON
from tests.support.house import MovableClock, Told
from tests.web.delivering import provider
from worker import boundary
from worker.operating.people import Role
from worker.runtime import make_runtime
from worker.store.console import people
from worker.web.app import build_app
from worker.web.console import Console, make_console
from worker.web.signing import fingerprint

__all__ = ["provider"]
"""A fixture that stands elsewhere."""

TODAY = NOON.date()
PASSWORD = "correct horse battery staple"  # noqa: S105 - everybody's in these tests
_CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
"""A hash that takes no time to verify; the parameters stand in it."""
_TOKEN = re.compile(r'name="token" value="([^"]+)"')


@dataclass
class Browser:
    """A browser of one person: keeps its cookies, and finds the token of a page's forms."""

    client: TestClient

    def get(self, path: str, **more: Any) -> Any:
        """A page."""
        return self.client.get(path, follow_redirects=False, **more)

    def token(self, path: str = "/") -> str:
        """The token of the forms on a page."""
        found = _TOKEN.search(self.get(path).text)
        assert found is not None, path
        return found[1]

    def post(self, path: str, *, token: str | None = None, **fields: Any) -> Any:
        """A form of ours, sent from the first page unless told otherwise."""
        said = {"token": self.token() if token is None else token, **fields}
        return self.client.post(path, data=said, follow_redirects=False)

    def log_in(self, name: str, password: str = PASSWORD, **fields: Any) -> Any:
        """The login, from its own page."""
        return self.post("/login", token=self.token("/login"), name=name, password=password, **fields)


@pytest.fixture
def web_settings(engine: Engine, redis_url: str, tmp_path: Path) -> Settings:
    """Settings of a console over the fixtures' servers; the provider's port is one where nobody listens."""
    return Told(
        database_url=engine.url.render_as_string(hide_password=False),
        redis_url=redis_url,
        stripe_api_key="sk_test_emulator",
        stripe_api_base="http://127.0.0.1:9",
        smtp_port=9,
        link_signing_key="only-for-tests-" * 3,
        web_session_key="only-for-tests-" * 3,
        web_threads=4,
        files_url=str(tmp_path / "files"),
    )


@pytest.fixture
def console(web_settings: Settings) -> Iterator[Console]:
    """The console's parts, its clock at noon of the builders' day."""
    runtime = replace(make_runtime(web_settings), clock=MovableClock(NOON))
    made = make_console(web_settings, runtime)
    yield made
    made.reading.dispose()
    runtime.engine.dispose()
    runtime.bell.broker.client.close()


@pytest.fixture
def add(console: Console) -> Callable[..., None]:
    """Lets somebody in."""

    def one(name: str, role: Role) -> None:
        with boundary.transaction(console.runtime.engine, "test.user") as connection:
            people.add_user(connection, name=name, role=role.value, password_hash=_CHEAP)

    return one


@pytest.fixture
def visitor(console: Console) -> Iterator[Browser]:
    """A browser of somebody who is not inside."""
    with TestClient(build_app(console), base_url="http://127.0.0.1:8090", client=("127.0.0.1", 50000)) as client:
        yield Browser(client)


@pytest.fixture
def enter(console: Console, visitor: Browser, add: Callable[..., None]) -> Callable[[Role], Browser]:
    """Puts the browser inside, as somebody of that role; `Browser.log_in` is the way through the door."""

    def one(role: Role) -> Browser:
        add(role.value, role)
        cookie, now = console.signing.new_cookie(), console.runtime.clock.now()
        with boundary.transaction(console.runtime.engine, "test.session") as connection:
            user = people.by_name(connection, role.value)
            assert user is not None
            token = fingerprint(console.signing.token(cookie) or "")
            people.begin_session(connection, user.id, token_sha256=token, now=now, hours=12)
        visitor.client.cookies.set("odnowa", cookie, domain="127.0.0.1")
        return visitor

    return one


@pytest.fixture
def operator(enter: Callable[[Role], Browser]) -> Browser:
    """An operator, inside."""
    return enter(Role.OPERATOR)
