"""Stuck: the list, one closely, one or many retried or given up; what names people is masked for read-only."""

from collections.abc import Callable

from sqlalchemy import Engine

from tests.support.builders import insert, rows, subscriber
from tests.support.work import attempt, charge, item, mail
from tests.web.conftest import Browser
from worker.operating.people import Role


def test_nothing_stuck_is_said_so(operator: Browser) -> None:
    assert "Nothing is stuck." in operator.get("/stuck").text


def test_each_kind_is_listed_and_may_be_looked_at_alone(operator: Browser, engine: Engine) -> None:
    one = subscriber(engine, external_id="shop-1")
    charge(engine, one, parked_reason="term_already_over", parked_detail="the term was over")
    item(engine, job="remind", state="dead", last_error="OSError: no route")
    text = operator.get("/stuck").text
    assert "shop-1" in text
    assert "OSError: no route" in text
    only = operator.get("/stuck?kind=item").text
    assert "shop-1" not in only
    assert "OSError: no route" in only


def test_an_item_closely_with_traceback_and_every_attempt(operator: Browser, engine: Engine) -> None:
    dead = item(engine, job="remind", state="dead", last_error="OSError: third", attempts=3)
    for number in (1, 2, 3):
        values = {"item_id": dead, "attempt": number, "error": f"OSError: {number}", "traceback": f"File {number}.py"}
        insert(engine, "item_failures", **values)
    text = operator.get(f"/stuck/item/{dead}").text
    assert all(f"OSError: {number}" in text and f"File {number}.py" in text for number in (1, 2, 3))
    assert text.index("File 3.py") < text.index("File 1.py")


def test_a_charge_closely_with_its_attempts(operator: Browser, engine: Engine) -> None:
    one = subscriber(engine)
    parked = charge(engine, one, state="created", parked_reason="provider_refused", parked_detail="no such customer")
    attempt(engine, parked, one)
    text = operator.get(f"/stuck/charge/{parked}").text
    assert "no such customer" in text
    assert "declined" in text
    assert operator.get("/stuck/charge/4711").status_code == 404


def test_many_are_retried_at_once_with_a_reason(operator: Browser, engine: Engine) -> None:
    items = [item(engine, job="remind", state="dead") for _ in range(2)]
    one = subscriber(engine)
    failed = mail(engine, one.account_id, state="failed")
    chosen = [*(f"item:{number}" for number in items), f"mail:{failed}"]
    answer = operator.post("/stuck/retry", chosen=chosen, reason="the server is back")
    assert answer.headers["location"] == "/stuck?done=requeued"
    assert {row["state"] for row in rows(engine, "SELECT state FROM work_items")} == {"ready"}
    assert rows(engine, "SELECT state FROM mails") == [{"state": "waiting"}]
    found = rows(engine, "SELECT DISTINCT actor, act, reason FROM audit_log")
    assert found == [{"actor": "console:operator", "act": "requeue", "reason": "the server is back"}]


def test_all_of_what_was_ticked_or_none(operator: Browser, engine: Engine) -> None:
    dead, done = item(engine, state="dead"), item(engine, state="done")
    answer = operator.post("/stuck/retry", chosen=[f"item:{dead}", f"item:{done}"], reason="x")
    assert answer.status_code == 409
    assert f"no dead item: {done}" in answer.text
    for fields in ({"reason": "x"}, {"chosen": f"item:{dead}", "reason": ""}, {"chosen": "item:1;2", "reason": "x"}):
        assert operator.post("/stuck/retry", **fields).status_code == 409
    assert rows(engine, "SELECT state FROM work_items WHERE id = :id", id=dead) == [{"state": "dead"}]
    assert rows(engine, "SELECT * FROM audit_log") == []


def test_a_dead_item_is_cancelled_and_is_stuck_no_more(operator: Browser, engine: Engine) -> None:
    dead = item(engine, job="remind", state="dead")
    answer = operator.post("/stuck/cancel", chosen=f"item:{dead}", reason="said by phone")
    assert answer.headers["location"] == "/stuck?done=cancelled"
    assert "Nothing is stuck." in operator.get("/stuck").text
    assert rows(engine, "SELECT actor, act, details FROM audit_log") == [
        {"actor": "console:operator", "act": "cancel", "details": {"items": [dead]}}
    ]
    # it may come back
    assert operator.post("/stuck/retry", chosen=f"item:{dead}", reason="after all").status_code == 303


def test_only_items_are_cancelled(operator: Browser, engine: Engine) -> None:
    parked = charge(engine, subscriber(engine), parked_reason="cannot_be_priced")
    assert operator.post("/stuck/cancel", chosen=f"charge:{parked}", reason="x").status_code == 409


def test_what_names_people_is_masked_for_read_only_and_they_have_no_buttons(
    enter: Callable[[Role], Browser], engine: Engine
) -> None:
    one = subscriber(engine)
    answer = "550 <jan.novak@shop.example> is unknown"
    failed = mail(engine, one.account_id, state="failed", recipient="jan.novak@shop.example", last_answer=answer)
    dead = item(engine, state="dead", last_error=answer, last_traceback=answer)
    browser = enter(Role.READ_ONLY)
    for path in ("/stuck", f"/stuck/mail/{failed}", f"/stuck/item/{dead}"):
        text = browser.get(path).text
        assert "jan.novak" not in text, path
        assert "j•••@s•••" in text, path
        assert "/stuck/retry" not in text, path


def test_support_sees_addresses(enter: Callable[[Role], Browser], engine: Engine) -> None:
    mail(engine, subscriber(engine).account_id, state="failed", recipient="jan.novak@shop.example")
    assert "jan.novak@shop.example" in enter(Role.SUPPORT).get("/stuck").text
