"""What an attacker tries at the door: many logins, large bodies, slow bodies, paths out of the folder, markup."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Engine, text
from starlette.applications import Starlette

from tests.support.builders import rows, subscriber
from tests.support.work import charge, item, mail, run
from tests.web.conftest import PASSWORD, Browser
from worker.clock import monotonic_s
from worker.operating import people as rules
from worker.operating.people import Role
from worker.queue import pausing
from worker.web.console import Console

NONE = "no token of ours"
MARKUP = '"><script>alert(1)</script>'


def test_ten_thousand_logins_are_refused_within_seconds_and_hash_nothing(
    visitor: Browser, add: Callable[..., None], monkeypatch: pytest.MonkeyPatch, engine: Engine
) -> None:
    add("ania", Role.OPERATOR)
    hashed: list[str] = []

    def count(password: str, kept: str | None) -> bool:
        hashed.append(password)
        return kept is None

    monkeypatch.setattr(rules, "fits", count)
    token, cookie = visitor.token("/login"), visitor.client.cookies["odnowa"]
    began = monotonic_s()
    statuses = asyncio.run(many_logins(visitor.client.app, token, cookie, 10_000))  # type: ignore[arg-type] # Starlette
    took_s = monotonic_s() - began
    assert statuses == [403] * 10 + [429] * 9_990
    assert len(hashed) == 10
    assert took_s < 15
    # the right password does not help either, from anywhere that asks for this name
    assert visitor.log_in("ania").status_code == 429
    assert {row["tries"] for row in rows(engine, "SELECT tries FROM console_knocks")} == {11}


async def many_logins(app: Starlette, token: str, cookie: str, many: int) -> list[int]:
    """Posts straight at the application, one after the other."""
    body = f"token={token}&name=ania&password=guess".encode()
    headers = [
        (b"host", b"127.0.0.1:8090"),
        (b"content-type", b"application/x-www-form-urlencoded"),
        (b"content-length", str(len(body)).encode()),
        (b"cookie", f"odnowa={cookie}".encode()),
    ]
    return [await post(app, headers, [body]) for _ in range(many)]


async def post(app: Starlette, headers: list[tuple[bytes, bytes]], parts: list[bytes], *, drip: bool = False) -> int:
    """The status that the application answers a POST to the login with; with `drip` the body never ends."""
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "path": "/login",
        "raw_path": b"/login",
        "query_string": b"",
        "root_path": "",
        "scheme": "http",
        "headers": headers,
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8090),
    }
    waiting, statuses = list(parts), list[int]()

    async def receive() -> dict[str, object]:
        if not waiting:
            await asyncio.Event().wait()
        return {"type": "http.request", "body": waiting.pop(0), "more_body": drip or bool(waiting)}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(int(str(message["status"])))

    await app(scope, receive, send)  # type: ignore[arg-type] # plain dicts are messages
    return statuses[0]


def test_after_its_time_a_shut_name_is_open_again(
    visitor: Browser, add: Callable[..., None], console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    add("ania", Role.OPERATOR)
    monkeypatch.setattr(rules, "fits", lambda *said: said[0] == PASSWORD)
    assert [visitor.log_in("ania", "guess").status_code for _ in range(11)] == [403] * 10 + [429]
    console.runtime.clock.instant += timedelta(minutes=15, seconds=1)  # type: ignore[attr-defined] # the tests' clock
    assert visitor.log_in("ania").status_code == 303


def test_an_ipv6_network_counts_as_one_address(console: Console) -> None:
    one = console.throttle.subjects(address="2001:db8:1:2::1", name="Ania")
    assert one == console.throttle.subjects(address="2001:db8:1:2:ffff::9", name="ania ")
    assert one != console.throttle.subjects(address="2001:db8:1:3::1", name="ania")


@pytest.mark.parametrize("said", [True, False], ids=["with its length", "without it"])
def test_an_oversized_body_is_refused(operator: Browser, said: bool) -> None:  # noqa: FBT001 - a parameter of the test
    body = b"a" * 300_000
    content = body if said else iter([body[:40_000], body[40_000:]])
    assert operator.client.post("/language", content=content).status_code == 413


def test_a_body_that_drips_is_ended_in_time(visitor: Browser, add: Callable[..., None]) -> None:
    add("ania", Role.READ_ONLY)
    app: Starlette = visitor.client.app  # type: ignore[assignment] # Starlette
    app.user_middleware[2].kwargs["timeout_s"] = 0.05
    app.middleware_stack = app.build_middleware_stack()
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/x-www-form-urlencoded")]
    began = monotonic_s()
    assert asyncio.run(post(app, headers, [b"n", b"a"], drip=True)) == 408
    assert monotonic_s() - began < 5


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/%2e%2e/app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e%2f%2e%2e%2f%2e%2e%2fsettings.py",
        "/static//etc/passwd",
        "/static/..\\app.py",
        "/static/%00",
        "/static/",
        "/stuck/item/..%2f..%2f1",
        "/stuck/passwd/1",
        "/stuck/item/99999999999999999999",
    ],
)
def test_no_path_leads_out_of_the_folder(operator: Browser, path: str) -> None:
    assert operator.get(path).status_code in {404, 405}


def test_markup_of_customers_and_servers_is_text(operator: Browser, engine: Engine) -> None:
    one = subscriber(engine, external_id=MARKUP)
    parked = charge(engine, one, parked_reason="cannot_be_priced", parked_detail=MARKUP)
    failed = mail(engine, one.account_id, state="failed", recipient=MARKUP, last_answer=MARKUP)
    dead = item(engine, job="renew", state="dead", key=MARKUP, last_error=MARKUP, last_traceback=MARKUP)
    run(engine, job="remind", held_reason=MARKUP)
    run(engine, job="suspend", trigger="manual", requested_by=MARKUP, reason=MARKUP)
    with engine.begin() as connection:
        pausing.pause(connection, "renew", by=MARKUP, reason=MARKUP)
        connection.execute(text("INSERT INTO heartbeats (process, kind) VALUES (:m, 'worker')"), {"m": MARKUP})
    seen = 0
    for path in ("/", "/queues", "/timetable", "/stuck", f"/stuck/charge/{parked}", f"/stuck/mail/{failed}"):
        shown = operator.get(path).text
        assert "<script>alert" not in shown, path
        seen += "&lt;script&gt;alert(1)" in shown
    closely = operator.get(f"/stuck/item/{dead}").text
    assert "<script>alert" not in closely
    assert seen >= 5, "the search itself is blind"
    assert MARKUP not in operator.get("/?done=" + MARKUP).text
    assert "<script>alert" not in operator.get("/?date=" + MARKUP).text
    refused = operator.post("/stuck/retry", chosen=MARKUP, reason="x").text
    assert "<script>alert" not in refused
    assert "<script>alert" not in operator.post("/login", token=NONE, name=MARKUP, next=MARKUP).text
