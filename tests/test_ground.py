"""The fixtures keep what they promise: an emptied database, and nobody's data flushed."""

import os
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
import redis
from sqlalchemy import Engine, create_engine, text

from tests.support.processes import Listening
from tests.support.servers import emptying, own_database, own_redis


def test_emptying_spares_the_migrations_table_and_restarts_sequences(postgres_server: str) -> None:
    with own_database(postgres_server, f"odnowa_ground_{os.getpid()}") as url:
        engine = create_engine(url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE alembic_version AS SELECT 'one' AS version_num"))
            connection.execute(text("CREATE TABLE parent (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY)"))
            connection.execute(text("CREATE TABLE child (id bigint REFERENCES parent)"))
            connection.execute(
                text(
                    "WITH one AS (INSERT INTO parent DEFAULT VALUES RETURNING id) INSERT INTO child SELECT id FROM one"
                )
            )
        with emptying(url) as empty:
            empty()
        with engine.begin() as connection:
            assert connection.scalar(text("SELECT count(*) FROM child")) == 0
            assert connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1
            assert connection.scalar(text("INSERT INTO parent DEFAULT VALUES RETURNING id")) == 1
        engine.dispose()


def test_a_redis_database_with_data_in_it_is_not_taken(redis_url: str) -> None:
    server, _, number = redis_url.partition("?db=")
    assert own_redis(server, int(number)) == redis_url
    with redis.Redis.from_url(redis_url) as client:
        client.set("somebodys", "data")
        with pytest.raises(AssertionError, match="not empty"):
            own_redis(server, int(number))
        assert client.get("somebodys") == b"data"


def test_redis_is_empty_at_the_start_of_a_test(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0
        client.set("left", "behind")


def test_the_database_is_migrated_and_empty(engine: Engine) -> None:
    with engine.begin() as connection:
        assert connection.scalar(text("SELECT count(*) FROM alembic_version")) == 1
        assert connection.scalar(text("SELECT count(*) FROM accounts")) == 0


def test_the_emulator_answers(emulator: Listening) -> None:
    with pytest.raises(HTTPError) as refused:  # no key was sent
        urlopen(f"{emulator.url}/v1/payment_intents", timeout=5)  # noqa: S310 - loopback, our own process
    with refused.value:
        assert refused.value.code == 401
