"""Customers: found by index, seen whole or masked, their papers held to their hash, and each act done once."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from tests.support.builders import Subscriber, catalogue, insert, rows, size, subscriber, update
from tests.support.work import charge, invoice, mail
from tests.web.conftest import Browser
from worker.operating.people import Role
from worker.web.console import Console
from worker.web.customer_acts import DEEDS, minor_units
from worker.web.customers import PERSONAL

MARKUP = '"><script>alert(1)</script>'
_REQUEST = re.compile(r'name="request" value="([^"]+)"')


@pytest.fixture
def shop(engine: Engine) -> Subscriber:
    """A customer with a name, an address and a payment."""
    catalogue(engine)
    one = subscriber(engine, external_id="shop-1")
    details = rows(engine, "SELECT id FROM billing_details WHERE account_id = :account", account=one.account_id)
    named = {"company": "Łódź Drukarnia", "email": "Jan.Novak@shop.example", "street": "Skrytá 7"}
    update(engine, "billing_details", details[0]["id"], **named)
    return one


def act(browser: Browser, one: Subscriber, kind: str, *, query: str = "", **fields: Any) -> Any:
    """The form of an act, filled in and sent."""
    path = f"/customer/{one.account_id}/act/{kind}"
    found = _REQUEST.search(browser.get(path + query).text)
    assert found is not None
    return browser.post(path, **{"request": found[1], "reason": "asked by phone", "sure": "1", **fields})


def test_a_customer_is_found_by_whole_ids_and_by_how_names_begin(
    operator: Browser, engine: Engine, shop: Subscriber
) -> None:
    other = subscriber(engine, external_id="shop-2")
    paid = charge(engine, shop, state="succeeded", provider_intent="pi_found")
    invoice(engine, paid, shop)
    number = rows(engine, "SELECT number FROM invoices")[0]["number"]
    update(engine, "accounts", shop.account_id, provider_customer="cus_found")
    here, elsewhere = f"/customer/{shop.account_id}", f"/customer/{other.account_id}"
    for said in ("shop-1", "pi_found", "cus_found", number, number.lower(), "łódź d", "ŁÓDŹ", "jan.novak@", "jan.n"):
        text = operator.client.get("/customer", params={"q": said}).text
        assert f'"{here}"' in text, said
        assert f'"{elsewhere}"' not in text, said
    for said in ("hop-1", "pi_", "%", "_", "drukarnia", "shop.example", "'"):
        assert "Nobody was found." in operator.client.get("/customer", params={"q": said}).text, said


def test_a_refund_and_a_dispute_at_the_provider_lead_to_their_customer(
    operator: Browser, engine: Engine, shop: Subscriber
) -> None:
    paid = charge(engine, shop, state="succeeded")
    common = {"account_id": shop.account_id, "currency": "EUR"}
    given = insert(
        engine, "refunds", **common, subscription_id=shop.subscription_id, kind="part", overridden=True,
        total_minor=5, requested_on="2026-03-31",
    )  # fmt: skip
    insert(engine, "payouts", refund_id=given, charge_id=paid, currency="EUR", amount_minor=5, provider_refund="re_1")
    insert(
        engine, "disputes", **common, charge_id=paid, provider_dispute="du_1", amount_minor=5, reason="fraudulent",
        status="open", opened_at="2026-03-31T10:00:00Z",
    )  # fmt: skip
    for said in ("re_1", "du_1"):
        assert f'"/customer/{shop.account_id}"' in operator.get(f"/customer?q={said}").text


def test_read_only_sees_nobody_named_and_asks_for_no_names(
    enter: Callable[[Role], Browser], engine: Engine, shop: Subscriber
) -> None:
    browser, path = enter(Role.READ_ONLY), f"/customer/{shop.account_id}"
    assert "Nobody was found." in browser.client.get("/customer", params={"q": "jan.novak"}).text
    for text in (browser.get("/customer?q=shop-1").text, browser.get(path).text):
        assert "shop-1" in text
        assert not [one for one in ("Novak", "Drukarnia", "Skrytá") if one in text]
        assert "/act/" not in text
    story = rows(engine, "SELECT to_jsonb(b) AS facts FROM billing_details b")[0]["facts"]
    assert set(PERSONAL["billing_details"]) <= set(story), "what is hidden is a column"
    assert browser.get(f"{path}/pdf?invoice=1").status_code == 403


def test_the_page_tells_who_they_are_what_they_have_and_their_story(
    enter: Callable[[Role], Browser], engine: Engine, shop: Subscriber
) -> None:
    charge(engine, shop, state="succeeded", provider_intent="pi_told")
    insert(engine, "credit_entries", account_id=shop.account_id, currency="EUR", amount_minor=1234, kind="import")
    text = enter(Role.SUPPORT).get(f"/customer/{shop.account_id}").text
    for words in ("Łódź Drukarnia", "Jan.Novak@shop.example", "4242", "12.34", "pi_told", "brought by the import"):
        assert words in text, words
    times = re.findall(r'<li class="\w+"><time datetime="([^"]+)"', text)
    assert len(times) > 3
    assert times == sorted(times, reverse=True), "the newest first"


def test_who_is_not_there_is_said_so(operator: Browser) -> None:
    for path in ("/customer/4711", "/customer/x", "/customer/" + "9" * 30):
        assert operator.get(path).status_code == 404, path
    assert operator.get("/customer/4711/act/free").status_code == 409


def test_pages_are_served_as_they_were_sent_or_not_at_all(
    operator: Browser, console: Console, engine: Engine, shop: Subscriber, tmp_path: Path
) -> None:
    number = invoice(engine, charge(engine, shop, state="succeeded"), shop)
    name = rows(engine, "SELECT number FROM invoices")[0]["number"]
    path = f"/customer/{shop.account_id}/pdf"
    assert operator.client.get(path, params={"invoice": name}).status_code == 404, "not printed yet"
    address = console.runtime.files.put(b"%PDF-1.7 as sent")
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO invoice_documents (invoice_id, edition, template_version, pdf_sha256) VALUES (%s, 1, 1, %s)",
            (number, address),
        )
    answer = operator.client.get(path, params={"invoice": name})
    assert (answer.status_code, answer.content) == (200, b"%PDF-1.7 as sent")
    assert answer.headers["content-type"] == "application/pdf"
    assert re.fullmatch(r'attachment; filename="[\w.-]+\.pdf"', answer.headers["content-disposition"])
    assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-store")
    other = subscriber(engine)
    for account, said in (
        (other.account_id, name),
        (shop.account_id, "../../etc/passwd"),
        (shop.account_id, address),
        (shop.account_id, f"{name}\x00"),
        (shop.account_id, f"{name}/../{name}"),
    ):
        stranger = operator.client.get(f"/customer/{account}/pdf", params={"invoice": said})
        assert stranger.status_code == 404, said
    (tmp_path / "files" / address[:2] / address).write_bytes(b"%PDF-1.7 damaged")
    assert operator.client.get(path, params={"invoice": name}).status_code == 503


def test_an_act_sent_twice_is_done_once_under_the_persons_name(
    enter: Callable[[Role], Browser], engine: Engine, shop: Subscriber
) -> None:
    browser, path = enter(Role.SUPPORT), f"/customer/{shop.account_id}/act/goodwill"
    found = _REQUEST.search(browser.get(path).text)
    assert found is not None
    fields = {"request": found[1], "reason": "a bad day", "amount": "12,50"}
    answers = [browser.post(path, **fields) for _ in range(2)]
    assert [one.headers["location"] for one in answers] == [f"/customer/{shop.account_id}?done=goodwill"] * 2
    assert [row["amount_minor"] for row in rows(engine, "SELECT amount_minor FROM goodwill_entries")] == [1250]
    audit = rows(engine, "SELECT actor, act, reason FROM audit_log")
    assert audit == [{"actor": "support:console:support", "act": "desk.grant_credit", "reason": "a bad day"}]
    assert browser.post(path, **{**fields, "amount": "13"}).status_code == 409, "the id stands for one request"


def test_a_refusal_is_a_sentence_and_nothing_is_done(operator: Browser, engine: Engine, shop: Subscriber) -> None:
    path = f"/customer/{shop.account_id}/act/refund"
    shown = operator.get(path).text
    assert "The first payment of this account was another one" in shown
    assert not _REQUEST.search(shown), "no form for what cannot be"
    answer = operator.post(path, request="a-form-of-before", reason="asked by phone", sure="1")
    assert answer.status_code == 409
    assert "first payment" in answer.text
    unsure = act(operator, shop, "free", sure="")
    assert "tick the box" in unsure.text
    assert act(operator, shop, "free", reason="").status_code == 409
    assert "is no sum like 12.50" in act(operator, shop, "refund-part", amount="1e9").text
    assert rows(engine, "SELECT status FROM subscriptions") == [{"status": "active"}]
    assert size(engine, "refunds") == 0


def test_R14b_money_goes_back_in_part_and_once(operator: Browser, engine: Engine, shop: Subscriber) -> None:
    charge(engine, shop, state="succeeded")
    assert act(operator, shop, "refund-part", amount="5.00").headers["location"].endswith("?done=refunded")
    assert rows(engine, "SELECT total_minor, overridden, kind FROM refunds") == [
        {"total_minor": 500, "overridden": True, "kind": "part"}
    ]


def test_R7_R11_renewal_is_switched_and_an_account_is_put_back_to_free(
    operator: Browser, engine: Engine, shop: Subscriber
) -> None:
    for kind, renews in (("renewal-off", False), ("renewal-on", True)):
        assert f"/act/{kind}" in operator.get(f"/customer/{shop.account_id}").text
        assert act(operator, shop, kind).status_code == 303
        assert rows(engine, "SELECT auto_renew FROM subscriptions") == [{"auto_renew": renews}]
    assert act(operator, shop, "free").status_code == 303
    assert rows(engine, "SELECT status FROM subscriptions") == [{"status": "ended"}]
    assert "/act/free" not in operator.get(f"/customer/{shop.account_id}").text


def test_a_correction_shows_first_why_it_cannot_be(operator: Browser, shop: Subscriber) -> None:
    text = operator.get(f"/customer/{shop.account_id}/act/correct?invoice=nothing").text
    assert "has no invoice" in text
    assert 'name="request"' not in text


def test_markup_in_every_field_of_a_customer_is_text(operator: Browser, engine: Engine, shop: Subscriber) -> None:
    details = rows(engine, "SELECT id FROM billing_details WHERE account_id = :account", account=shop.account_id)
    fields = dict.fromkeys(("company", "street", "city", "postcode", "email", "vat_number"), MARKUP)
    update(engine, "billing_details", details[0]["id"], **fields)
    update(engine, "accounts", shop.account_id, external_id=MARKUP, provider_customer=MARKUP)
    methods = rows(engine, "SELECT id FROM payment_methods WHERE account_id = :account", account=shop.account_id)
    update(engine, "payment_methods", methods[0]["id"], provider_method=MARKUP)
    paid = charge(engine, shop, state="succeeded", provider_intent=MARKUP)
    invoice(engine, paid, shop)
    parked = charge(engine, shop, term_number=7, parked_reason="cannot_be_priced", parked_detail=MARKUP)
    failed = mail(engine, shop.account_id, state="failed", recipient=MARKUP, last_answer=MARKUP)
    insert(
        engine, "audit_log", actor=MARKUP, act="desk.invoice_note", account_id=shop.account_id,
        details={"invoice": MARKUP, "note": MARKUP, "version": 1}, reason=MARKUP,
    )  # fmt: skip
    paths = [
        *(f"/customer/{shop.account_id}/act/{kind}?invoice={MARKUP}" for kind in DEEDS),
        *("/stuck", f"/stuck/charge/{parked}", f"/stuck/mail/{failed}", "/audit", f"/audit?account={MARKUP}"),
    ]
    for path in ("/customer?q=" + MARKUP, f"/customer/{shop.account_id}", *paths):
        shown = operator.get(path).text
        assert "<script>alert" not in shown, path
        assert "&lt;script&gt;alert" in shown, path


@pytest.mark.parametrize(("said", "minor"), [("12.50", 1250), ("12,5", 1250), ("7", 700), ("0.01", 1)])
def test_a_sum_is_read_exactly(said: str, minor: int) -> None:
    assert minor_units(said) == minor
