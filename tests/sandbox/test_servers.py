"""The private servers do what their users count on: real data, real crashes, no network, no traces."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from worker.errors import UnreachableError
from worker.sandbox.servers import PrivatePostgres, PrivateRedis


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder into which the servers' user can come; pytest's own are closed to it."""
    with tempfile.TemporaryDirectory(prefix="odnowa-test-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


def _rows(server: PrivatePostgres, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
    address = server.url(database).replace("+psycopg", "")
    with psycopg.connect(address, autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_postgres_is_reached_by_its_socket_only_and_speaks_utf8() -> None:
    with PrivatePostgres(durable=False) as server:
        assert _rows(server, "SHOW listen_addresses") == [("",)]
        assert _rows(server, "SELECT lower('ŽÓŁĆ'), current_setting('server_encoding')") == [("žółć", "UTF8")]
        assert _rows(server, "SHOW fsync") == [("off",)]


def test_committed_rows_survive_a_kill_and_a_restart() -> None:
    with PrivatePostgres(settings={"max_connections": "20"}) as server:
        server.create_database("books")
        _rows(server, "CREATE TABLE entry AS SELECT 1 AS amount_minor", "books")
        server.kill()
        with pytest.raises(psycopg.OperationalError):
            _rows(server, "SELECT 1")
        server.restart()
        assert _rows(server, "SELECT amount_minor FROM entry", "books") == [(1,)]
        server.create_database("copy", "books")
        server.restart()
        assert _rows(server, "SELECT amount_minor FROM entry", "copy") == [(1,)]
        assert _rows(server, "SHOW max_connections") == [("20",)]


def test_a_named_folder_keeps_the_data_and_the_private_one_goes(open_folder: Path) -> None:
    with PrivatePostgres(open_folder / "data", durable=False) as first:
        first.create_database("kept")
        private = first.folder
        assert private.is_dir()
    assert not private.exists()
    with PrivatePostgres(open_folder / "data", durable=False) as second:
        assert ("kept",) in _rows(second, "SELECT datname FROM pg_database")


def test_the_older_postgres_runs_too() -> None:
    with PrivatePostgres(durable=False, version=16) as server:
        assert _rows(server, "SELECT current_setting('server_version_num')::int / 10000") == [(16,)]


def test_a_server_that_cannot_start_says_why() -> None:
    with pytest.raises(UnreachableError, match=r"PostgreSQL did not start.*no_such_setting"):
        PrivatePostgres(durable=False, settings={"no_such_setting": "1"}).__enter__()


def test_redis_forgets_or_keeps_as_told(open_folder: Path) -> None:
    for persistent, kept in ((False, None), (True, b"1")):
        with PrivateRedis(open_folder / str(persistent), persistent=persistent) as server:
            with redis.Redis.from_url(server.url(7)) as client:
                client.set("bell", 1)
            server.stop()
            server.start()
            with redis.Redis.from_url(server.url(7)) as client:
                assert client.get("bell") == kept


def test_redis_can_be_killed_and_comes_back() -> None:
    with PrivateRedis() as server:
        server.kill()
        with redis.Redis.from_url(server.url()) as client, pytest.raises(redis.ConnectionError):
            client.ping()
        server.start()
        with redis.Redis.from_url(server.url()) as client:
            assert client.config_get("port") == {"port": "0"}
