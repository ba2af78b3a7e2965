"""Who may enter, and what nobody gets past: every route demands a session and a role, every form its token."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from ipaddress import ip_network

import pytest
from sqlalchemy import Engine
from starlette.requests import Request
from starlette.routing import Mount, Route
from starlette.testclient import TestClient
from structlog.testing import capture_logs

from settings import Settings
from tests.support.builders import counts, rows
from tests.web.conftest import PASSWORD, Browser
from worker import boundary
from worker.errors import SettingsError
from worker.operating import people as rules
from worker.operating.people import Role
from worker.store.console import people
from worker.web.access import client_address
from worker.web.app import PAGES, build_app
from worker.web.console import Console, make_console
from worker.web.edge import HEADERS
from worker.web.signing import Signing
from worker.web.visit import Guarded

NONE = "no token of ours"
GUARDED = [one for group in PAGES for one in group]
INSIDE = [one for one in GUARDED if one.role is not None]


def path_of(one: Guarded) -> str:
    return one.path.replace("{kind}", "item").replace("{number}", "1")


def ask(browser: Browser, one: Guarded, *, token: str = "") -> int:
    """The status that a route answers with."""
    if one.method == "GET":
        return int(browser.get(path_of(one)).status_code)
    return int(browser.post(path_of(one), token=token).status_code)


def test_every_route_of_the_application_is_guarded(console: Console) -> None:
    routes = build_app(console).routes
    others = [one for one in routes if not (isinstance(one, Route) and isinstance(one.endpoint, Guarded))]
    assert [one.name for one in others if isinstance(one, Mount)] == ["static"]
    assert len(others) == 1
    assert {one.path for one in GUARDED if one.role is None} == {"/login"}
    assert {one.method for one in GUARDED} == {"GET", "POST"}


def test_until_somebody_may_enter_every_page_is_closed_and_says_how(visitor: Browser) -> None:
    for one in GUARDED:
        answer = visitor.get(path_of(one)) if one.method == "GET" else visitor.post(path_of(one), token=NONE)
        assert answer.status_code == 503, one.path
        assert "odnowa user add NAME --role operator" in answer.text


def test_without_a_session_every_route_leads_to_the_login(visitor: Browser, add: Callable[..., None]) -> None:
    add("ania", Role.OPERATOR)
    for one in INSIDE:
        answer = visitor.get(path_of(one)) if one.method == "GET" else visitor.post(path_of(one), token=NONE)
        assert answer.status_code == 303, one.path
        assert answer.headers["location"].startswith("/login"), one.path
    part = visitor.get("/tonight/live", headers={"HX-Request": "true"})
    assert (part.status_code, part.headers["HX-Redirect"]) == (401, "/login")


@pytest.mark.parametrize("role", [Role.READ_ONLY, Role.SUPPORT])
def test_a_lesser_role_is_refused_what_demands_more(enter: Callable[[Role], Browser], role: Role) -> None:
    browser = enter(role)
    token = browser.token()
    demanding = [one for one in INSIDE if one.role is not None and not role.covers(one.role)]
    assert demanding
    assert {(one.path, ask(browser, one, token=token)) for one in demanding} == {(one.path, 403) for one in demanding}


ROLES_OF_ACTS = {
    "/language": Role.READ_ONLY,
    "/logout": Role.READ_ONLY,
    "/customer/{number}/act/{kind}": Role.SUPPORT,
    "/queues/pause": Role.OPERATOR,
    "/queues/resume": Role.OPERATOR,
    "/stuck/cancel": Role.OPERATOR,
    "/stuck/retry": Role.OPERATOR,
    "/timetable/preview": Role.OPERATOR,
    "/timetable/release": Role.OPERATOR,
    "/timetable/drop": Role.OPERATOR,
    "/timetable/run": Role.OPERATOR,
}
"""What each act demands, written a second time: a new act, or one opened to more people, is decided here, too."""


@pytest.mark.parametrize("role", list(Role))
def test_each_act_is_for_its_role_and_refused_to_lesser_ones_without_a_trace(
    enter: Callable[[Role], Browser], engine: Engine, role: Role
) -> None:
    acts = [one for one in INSIDE if one.method == "POST"]
    assert {one.path: one.role for one in acts} == ROLES_OF_ACTS
    browser = enter(role)
    token = browser.token()
    before = counts(engine)
    barred = [path_of(one) for one in acts if one.role is not None and not role.covers(one.role)]
    assert bool(barred) == (role is not Role.OPERATOR)
    for path in barred:
        answer = browser.post(path, token=token, request="x", reason="x", job="renew", chosen="item:1", run="1")
        assert (answer.status_code, "This needs the role" in answer.text) == (403, True), path
    assert counts(engine) == before
    open_to = [one for one in acts if one.role is not None and role.covers(one.role) and one.path != "/logout"]
    for one in open_to:
        assert ask(browser, one, token=token) not in {303, 403}, one.path


def test_every_form_demands_its_own_token(operator: Browser, console: Console) -> None:
    forms = [one for one in GUARDED if one.method == "POST"]
    assert len(forms) > 5
    elsewhere = console.signing.csrf("another browser's", "operator")
    for one in forms:
        for token in ("", "x", elsewhere):
            assert ask(operator, one, token=token) == 403, one.path
    token = operator.token()
    other_site = operator.client.post("/language", data={"token": token}, headers={"Sec-Fetch-Site": "cross-site"})
    assert other_site.status_code == 403


def test_a_body_of_another_kind_is_no_form(operator: Browser) -> None:
    token = operator.token()
    assert operator.client.post("/logout", json={"token": token}).status_code == 403


def test_a_forged_cookie_opens_nothing(visitor: Browser, add: Callable[..., None]) -> None:
    add("ania", Role.OPERATOR)
    for forged in ("nonsense", "a.b", "", "stolen-name.AAAA", "\x7f"):
        visitor.client.cookies.set("odnowa", forged, domain="127.0.0.1")
        assert visitor.get("/").status_code == 303, forged


def test_a_cookie_of_another_key_opens_nothing(operator: Browser) -> None:
    assert operator.get("/").status_code == 200
    token = operator.client.cookies["odnowa"].rpartition(".")[0]
    other = Signing("another-key-" * 4)
    operator.client.cookies.set("odnowa", other._cookies.sign(token).decode(), domain="127.0.0.1")
    assert operator.get("/").status_code == 303


def test_a_session_ends_with_its_hours(operator: Browser, console: Console) -> None:
    console.runtime.clock.instant += timedelta(hours=12, seconds=1)  # type: ignore[attr-defined] # the tests' clock
    assert operator.get("/").status_code == 303


@pytest.mark.parametrize(
    "end",
    [
        lambda engine: rules.disable(engine, name="operator", by="jan"),
        lambda engine: rules.set_password(engine, name="operator", password=PASSWORD[::-1], by="jan"),
    ],
    ids=["disabled", "new password"],
)
def test_the_server_ends_sessions_at_once(operator: Browser, engine: Engine, end: Callable[[Engine], None]) -> None:
    assert operator.get("/").status_code == 200
    rules.add(engine, name="somebody", role=Role.READ_ONLY, password=None, by="jan")
    end(engine)
    assert operator.get("/").status_code == 303


def test_a_logout_ends_the_session_whatever_cookie_is_shown_later(operator: Browser) -> None:
    kept = operator.client.cookies["odnowa"]
    assert operator.post("/logout").headers["location"] == "/login"
    operator.client.cookies.set("odnowa", kept, domain="127.0.0.1")
    assert operator.get("/").status_code == 303


def test_a_role_changed_is_in_force_at_the_next_request(operator: Browser, engine: Engine) -> None:
    token = operator.token()
    rules.set_role(engine, name="operator", role=Role.READ_ONLY, by="jan")
    assert operator.post("/queues/pause", token=token, job="renew", reason="x").status_code == 403


def test_logging_in_opens_a_session_under_a_cookie_of_its_own(visitor: Browser, add: Callable[..., None]) -> None:
    add("ania", Role.READ_ONLY)
    token = visitor.token("/login")
    before = visitor.client.cookies["odnowa"]
    answer = visitor.post("/login", token=token, name=" Ania ", password=PASSWORD, next="/stuck?kind=item")
    assert (answer.status_code, answer.headers["location"]) == (303, "/stuck?kind=item")
    said = answer.headers["set-cookie"].lower()
    assert all(word in said for word in ("httponly", "samesite=strict", "path=/"))
    assert "secure" not in said  # loopback speaks http
    assert visitor.client.cookies["odnowa"] != before
    assert visitor.get("/").status_code == 200
    assert visitor.get("/login").headers["location"] == "/"


def test_a_login_is_in_the_audit_log_with_the_name(visitor: Browser, add: Callable[..., None], engine: Engine) -> None:
    add("ania", Role.READ_ONLY)
    visitor.log_in("ania")
    found = rows(engine, "SELECT actor, act, details FROM audit_log")
    assert found == [{"actor": "console:ania", "act": "console.login", "details": {"address": "127.0.0.1"}}]


def test_wrong_passwords_and_unknown_names_are_told_alike(visitor: Browser, add: Callable[..., None]) -> None:
    add("ania", Role.READ_ONLY)
    wrong, unknown = visitor.log_in("ania", "not the password"), visitor.log_in("nobody", "not the password")
    assert wrong.status_code == unknown.status_code == 403
    assert "Name or password is wrong." in wrong.text
    assert "Name or password is wrong." in unknown.text


def test_a_login_leads_nowhere_else(visitor: Browser, add: Callable[..., None]) -> None:
    add("ania", Role.READ_ONLY)
    assert visitor.log_in("ania", next="/queues").headers["location"] == "/queues"
    aims = ("//evil.example", "/\\evil.example", "https://evil.example/", "javascript:alert(1)", "/x\r\nA: b", "/\t/e")
    for aim in aims:
        answer = visitor.post("/login", name="ania", password=PASSWORD, next=aim)
        assert (answer.status_code, answer.headers["location"]) == (303, "/"), aim


@pytest.fixture
def named(console: Console) -> Iterator[Browser]:
    """A browser that calls the console by its public name, over TLS."""
    app = build_app(replace(console, hosts=("ops.shop.example",)))
    with TestClient(app, base_url="https://ops.shop.example", client=("192.0.2.7", 50000)) as client:
        yield Browser(client)


def test_elsewhere_than_on_this_machine_cookies_are_for_tls_alone(named: Browser, add: Callable[..., None]) -> None:
    add("ania", Role.READ_ONLY)
    said = named.get("/login").headers["set-cookie"]
    assert said.startswith("__Host-odnowa=")
    assert "; Secure" in said


def test_other_names_of_the_host_are_refused(named: Browser) -> None:
    for host in ("127.0.0.1", "evil.example", "ops.shop.example.evil.example", ""):
        assert named.get("/login", headers={"Host": host}).status_code == 400, host


def test_the_names_of_this_machine_are_known_with_and_without_a_port(visitor: Browser) -> None:
    for host in ("127.0.0.1", "localhost:8090", "LOCALHOST", "[::1]", "[::1]:8090"):
        assert visitor.get("/login", headers={"Host": host}).status_code == 503, host  # closed, but let through


def behind_proxy(console: Console) -> Console:
    return replace(console, user_header="X-Remote-User", proxies=(ip_network("192.0.2.0/28"),))


@pytest.mark.parametrize(
    ("address", "said", "status"),
    [
        ("192.0.2.7", ["ania"], 200),
        ("192.0.2.7", ["Ania"], 200),
        ("192.0.2.7", ["nobody"], 403),
        ("192.0.2.7", ["ania", "jan"], 303),
        ("192.0.2.7", [], 303),
        ("192.0.2.99", ["ania"], 303),
    ],
)
def test_a_proxys_word_is_taken_from_the_proxy_only(
    console: Console, add: Callable[..., None], address: str, said: list[str], status: int
) -> None:
    add("ania", Role.READ_ONLY)
    with TestClient(build_app(behind_proxy(console)), base_url="http://127.0.0.1", client=(address, 1)) as client:
        headers = [("X-Remote-User", one) for one in said]
        assert client.get("/", headers=headers, follow_redirects=False).status_code == status


@pytest.mark.parametrize(
    ("peer", "said", "counted"),
    [
        ("198.51.100.1", "203.0.113.9", "198.51.100.1"),
        ("192.0.2.7", "203.0.113.9", "203.0.113.9"),
        ("192.0.2.7", "6.6.6.6, 203.0.113.9, 192.0.2.8", "203.0.113.9"),
        ("192.0.2.7", "", "192.0.2.7"),
    ],
)
def test_a_login_is_counted_for_the_address_before_our_proxies(
    console: Console, peer: str, said: str, counted: str
) -> None:
    headers = [(b"x-forwarded-for", said.encode())] if said else []
    request = Request({"type": "http", "headers": headers, "client": (peer, 1)})
    assert client_address(request, behind_proxy(console)) == counted


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"web_session_key": "short"}, "WEB_SESSION_KEY"),
        ({"trusted_user_header": "X-Remote-User"}, "TRUSTED_PROXIES only"),
        ({"trusted_proxies": ("10.0.0.1/8",)}, "TRUSTED_PROXIES"),
    ],
)
def test_settings_that_would_open_the_door_are_refused(
    web_settings: Settings, changes: dict[str, object], words: str
) -> None:
    with pytest.raises(SettingsError, match=words):
        make_console(Settings(_env_file=None, **(web_settings.model_dump() | changes)))


def test_every_answer_carries_the_headers(operator: Browser) -> None:
    for path in ("/", "/login", "/nowhere", "/static/console.css", "/static/nowhere", "/stuck/item/7"):
        answer = operator.get(path)
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS, path
    assert "unsafe" not in HEADERS["content-security-policy"]
    assert operator.get("/").headers["cache-control"] == "no-store"


def test_pages_hold_no_style_and_no_script_of_their_own(operator: Browser) -> None:
    for one in INSIDE:
        if one.method == "GET":
            text = operator.get(path_of(one)).text
            assert " style=" not in text, one.path
            assert "<style" not in text, one.path
            assert " onclick=" not in text, one.path
            assert text.count("<script") == text.count('<script src="/static/'), one.path


def test_what_breaks_says_nothing_of_its_insides(operator: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: object) -> None:
        raise ValueError("a secret of the house")

    (page,) = [one for one in INSIDE if one.path == "/queues" and one.method == "GET"]
    monkeypatch.setattr(page, "work", broken)
    with TestClient(operator.client.app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        client.cookies.set("odnowa", operator.client.cookies["odnowa"], domain="127.0.0.1")
        with capture_logs() as logs:
            answer = client.get("/queues")
    assert answer.status_code == 500
    assert [(one["event"], one["path"]) for one in logs] == [("page_broken", "/queues")]
    assert "secret" not in answer.text


def test_pages_that_show_cannot_write(console: Console) -> None:
    with (
        pytest.raises(Exception, match="read-only transaction"),
        boundary.transaction(console.reading, "test.write") as connection,
    ):
        people.add_user(connection, name="x", role="operator", password_hash=None)
