"""Scenes of the jobs: for each a day on which it has work of every kind that it knows."""

from datetime import timedelta

from tests.crash.scenes import Made, of_job
from tests.support.builders import Subscriber, insert, update
from tests.support.counter import customer_of, support_for
from tests.support.house import API_KEY, House
from tests.support.shopping import buy, caller, intent_of, newcomer, ordered, pay_on_page, quoted, wish
from tests.support.stories import charge_of, customer, dying_at, replace_method, restart
from worker.billing.states import Payer
from worker.desk.interval_change import schedule_monthly
from worker.desk.invoice_note import write_invoice_note
from worker.desk.refund import refund
from worker.desk.request import Role

DAYS = timedelta(days=1)
STANDARD = wish("standard", "month", 3)
LOST = (
    "drop_after_execution",
    "reset_after_execution",
    "truncated",
    "error_after_execution",
    "dependency_failed",
    "bad_gateway",
    "drop_before_execution",
    "reset_before_execution",
    "bad_gateway_before_execution",
    "key_in_use",
)
"""Faults after which nobody knows what became of a confirmation, but for those that take seconds."""


@of_job("renew", micro_batch=4)
def renew_every_outcome(house: House) -> Made:
    """Paid, in part or whole by credit, declined softly and hard, authentication, processing, PayPal, too little."""
    today = house.clock.today()
    customer(house)
    customer(house, credit_minor=700)
    customer(house, credit_minor=5700)
    customer(house, credit_minor=5690)
    for script in ("insufficient_funds", "stolen_card", "authentication_required", "processing:succeeded:60"):
        customer(house, script)
    customer(house, method="paypal")
    customer(house, method=None)
    yearly = customer(house, interval="year", agent_price_minor=19000, ends_on=today)
    schedule_monthly(house.runtime, support_for(yearly), request_id="r-0", reason="asked")


@of_job("renew")
def renew_tries_again(house: House) -> Made:
    """A soft decline whose next try is today, and a stolen card that was just replaced."""
    again = customer(house, "insufficient_funds", "ok")
    new = customer(house, "stolen_card")
    house.run("renew")
    house.go_to(house.clock.today() + DAYS)
    replace_method(house, new)
    assert again.method_id


@of_job("renew")
def renew_tries_declined(house: House) -> Made:
    """A soft decline, and one that will be paid."""
    customer(house, "insufficient_funds", "ok")
    customer(house)


@of_job("renew")
def renew_answers_lost(house: House) -> Made:
    """One customer for each way in which an answer is lost."""
    for kind in LOST:
        of = customer(house)
        house.emulator.fault(kind, "payment_intents.confirm", customer=f"cus_{of.external_id}")


@of_job("renew")
def renew_refusals_lost(house: House) -> Made:
    """The bank refuses, and nobody hears of it."""
    for kind in ("drop_after_execution", "bad_gateway"):
        of = customer(house, "insufficient_funds", "ok")
        house.emulator.fault(kind, "payment_intents.confirm", customer=f"cus_{of.external_id}")


@of_job("renew")
def renew_while_limited(house: House) -> Made:
    """The provider turns calls away, with and without its headers; the item is tried again."""
    for kind, how in (
        ("rate_limit", {"reason": "endpoint-rate"}),
        ("rate_limit", {"should_retry": True}),
        ("lock_timeout", {}),
    ):
        of = customer(house)
        house.emulator.fault(kind, "payment_intents.confirm", customer=f"cus_{of.external_id}", **how)
        house.emulator.fault(kind, "payment_intents.create", customer=f"cus_{of.external_id}", **how)


@of_job("renew", but=("renewal_missed",), unbooked=True)
def renew_what_the_books_refuse(house: House) -> Made:
    """A term that would overlap: its charge is parked alone, its neighbour is renewed."""
    odd, _ = customer(house), customer(house)
    with dying_at("before:commit:charging.settle"):
        house.run("renew")
    restart(house)
    (charge,) = house.fetch("SELECT id FROM charges WHERE account_id = :of", of=odd.account_id)
    update(house.engine, "charges", charge["id"], starts_on=odd.starts_on, ends_on=odd.term(1).ends_on)


@of_job("suspend")
def suspend_both(house: House) -> Made:
    """One whose schedule has run out, one that switched renewal off."""
    customer(house, "stolen_card")
    house.run("renew")
    with house.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE charges SET first_declined_on = first_declined_on - 7, suspends_on = suspends_on - 7"
            " WHERE state = 'declined'"
        )
    customer(house, auto_renew=False)
    house.run("renew")


@of_job("suspend")
def suspend_finds_it_paid(house: House) -> Made:
    """A schedule has run out, and the customer pays on the bank's page before the cancellation comes (R10)."""
    of = customer(house, "authentication_required")
    house.run("renew")
    with house.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE charges SET first_declined_on = first_declined_on - 7, suspends_on = suspends_on - 7"
            " WHERE state = 'declined'"
        )
    (charge,) = house.fetch("SELECT provider_intent FROM charges WHERE account_id = :of", of=of.account_id)
    house.emulator.withhold_events(withheld=True)
    house.emulator.pay_on_page(charge["provider_intent"], card="pm_card_visa", api_key="sk_test_emulator")


@of_job("remind")
def remind_all_kinds(house: House) -> Made:
    """Endings, one merged from an older reminder, a yearly renewal, an expiring card, missing details."""
    today = house.clock.today()
    customer(house, auto_renew=False, ends_on=today + 14 * DAYS)
    customer(house, interval="year", agent_price_minor=19000, ends_on=today + 30 * DAYS)
    customer(house, card_exp=(today.year, today.month), ends_on=today + 14 * DAYS + 20 * DAYS)
    soon = (today.year, today.month)
    customer(house, card_exp=soon, ends_on=today + 17 * DAYS)
    bare = customer(house, ends_on=today + 10 * DAYS)
    with house.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE billing_details SET street = '' WHERE account_id = {bare.account_id}")  # noqa: S608 - a number


def _sold(house: House, name: str) -> None:
    """Bought and raised, and nothing of it was issued."""
    newcomer(house, name)
    for asked in (STANDARD, wish(agents=5)):
        shown = quoted(house, name, asked)
        assert ordered(house, name, shown["quote"])["outcome"] == "paid"
        house.drain(pick=lambda job: job not in {"issue_invoices", "deliver_mail"})


@of_job("issue_invoices")
def issue_all_paper(house: House) -> Made:
    """Invoices, a credit note of a change, a second edition with a note; the items that were rung wait too."""
    _sold(house, "sold")
    of = customer(house, external_id="noted")
    house.run("renew")
    write_invoice_note(house.runtime, customer_of(of), note="PO 7", invoice_number=_number_of(house), request_id="n-1")


def _number_of(house: House) -> str:
    return str(house.fetch("SELECT number FROM invoices ORDER BY id DESC LIMIT 1")[0]["number"])


@of_job("issue_invoices")
def issue_what_nobody_rang_for(house: House) -> Made:
    """Paid charges without any item that waits for them."""
    _sold(house, "sold")
    with house.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE work_items SET state = 'done' WHERE state = 'ready'")


@of_job("deliver_mail")
def deliver_all_answers(house: House) -> Made:
    """Mails that are taken, refused, deferred, useless, or lost in the dialogue."""
    today = house.clock.today()
    for local in ("one", "two", "bounce", "later"):
        customer(house, auto_renew=False, ends_on=today + 14 * DAYS, email=f"{local}@customers.example")
    house.plan("remind")
    house.drain(pick=lambda job: job == "remind")
    (first, *_) = house.fetch("SELECT id FROM mails ORDER BY id")
    extra = customer(house, auto_renew=False, ends_on=today + 7 * DAYS)
    insert(
        house.engine,
        "mails",
        account_id=extra.account_id,
        kind="term_ending",
        subject_key="an old one",
        data={},
        useless_on=today,
    )
    assert first


def _bought(house: House, name: str) -> None:
    newcomer(house, name)
    assert buy(house, name, STANDARD)["outcome"] == "paid"


def _asked_back(house: House, name: str, amount_minor: int | None = None) -> None:
    refund(
        house.runtime,
        caller(name, Role.SUPPORT),
        request_id=f"refund-{amount_minor}",
        override=True,
        amount_minor=amount_minor,
        reason="asked",
    )


@of_job("pay_refunds")
def pay_every_refund(house: House) -> Made:
    """Refunds at once, pending, failed at the bank, in part, and with the answer lost."""
    scripts = {"now": "ok", "pending": "pending:succeeded:60", "fails": "pending:failed:60", "lost": "ok", "part": "ok"}
    for name, script in scripts.items():
        _bought(house, name)
        house.emulator.script_refunds(f"pm_{name}", script)
    for name in scripts:
        _asked_back(house, name, 1000 if name == "part" else None)
    house.emulator.fault("drop_after_execution", "refunds.create", customer="cus_lost")
    house.drain(pick=lambda job: job != "pay_refunds")


@of_job("pay_refunds")
def refund_in_part_is_paid(house: House) -> Made:
    """A part goes back, so that a second refund of the same charge would not be refused."""
    _bought(house, "part")
    _asked_back(house, "part", 1000)
    house.drain(pick=lambda job: job != "pay_refunds")


@of_job("charge_orders")
def orders_left_behind_and_unpaid(house: House) -> Made:
    """An order of a dead process, and one that nobody paid for a day, its credit and goodwill in it."""
    number = newcomer(house, "unpaid", saved=False)
    insert(house.engine, "credit_entries", account_id=number, currency="EUR", amount_minor=700, kind="import")
    insert(house.engine, "goodwill_entries", account_id=number, currency="EUR", amount_minor=200, kind="granted")
    ordered(house, "unpaid", quoted(house, "unpaid", STANDARD)["quote"], payer=Payer.PAGE)
    house.drain()
    house.wait(hours=24)
    newcomer(house, "left")
    house.emulator.fault("rate_limit", "payment_intents.create", customer="cus_left")
    ordered(house, "left", quoted(house, "left", STANDARD)["quote"])


@of_job("charge_orders")
def an_unpaid_order_was_paid_after_all(house: House) -> Made:
    """A day has passed, and the money had come first (R4)."""
    newcomer(house, "late", saved=False)
    ordered(house, "late", quoted(house, "late", STANDARD)["quote"], payer=Payer.PAGE)
    house.drain()
    house.emulator.withhold_events(withheld=True)
    pay_on_page(house, "late")
    house.wait(hours=24)


@of_job("follow_payments")
def follow_everything(house: House) -> Made:
    """Unknown, processing that ended, paid on the page, still waiting there, a refund that ended, a dispute."""
    lost, refused = customer(house), customer(house, "insufficient_funds")
    for of in (lost, refused):
        house.emulator.fault("drop_after_execution", "payment_intents.confirm", customer=f"cus_{of.external_id}")
    customer(house, "processing:succeeded:60")
    customer(house, "processing:failed:insufficient_funds:60")
    customer(house, external_id="disputed")
    house.run("renew")
    for name in ("paid", "waits"):
        newcomer(house, name, saved=False)
        ordered(house, name, quoted(house, name, STANDARD)["quote"], payer=Payer.PAGE)
    _bought(house, "back")
    house.emulator.script_refunds("pm_back", "pending:succeeded:30")
    _asked_back(house, "back")
    house.drain()
    (charge,) = house.fetch(
        "SELECT c.provider_intent AS x FROM charges c JOIN accounts a ON a.id = c.account_id"
        " WHERE a.external_id = 'disputed'"
    )
    house.emulator.open_dispute(charge["x"])
    pay_on_page(house, "paid")
    house.wait(minutes=16)


@of_job("follow_payments")
def news_that_cannot_be_read_at_once(house: House) -> Made:
    """A customer has approved at the bank, and the answer of reading that back is lost (R8c)."""
    of = customer(house, "authentication_required")
    house.run("renew")
    house.emulator.approve_at_bank(charge_of(house, of)["provider_intent"], api_key=API_KEY)
    house.emulator.fault("drop_after_execution", "payment_intents.retrieve")
    house.wait(minutes=2)


@of_job("follow_payments")
def a_change_was_paid_too_late(house: House) -> Made:
    """A change is paid when its term has been renewed: the money goes back (R4)."""
    of: Subscriber = customer(house, external_id="too-late", ends_on=house.clock.today() + DAYS)
    shown = quoted(house, "too-late", wish(agents=9), request_id="quote-1")
    ordered(house, "too-late", shown["quote"], payer=Payer.PAGE, request_id="order-1")
    house.go_to(house.clock.today() + DAYS)
    house.run("renew", only=of.subscription_id)
    assert intent_of(house, "too-late")
    pay_on_page(house, "too-late")
    house.wait(minutes=1)


@of_job("audit")
def audit_finds_nothing(house: House) -> Made:
    """A store in order, and the provider's day before."""
    customer(house)
    house.run("renew")
    house.go_to(house.clock.today() + DAYS)


@of_job("audit", but=("configuration_of_lots",))
def audit_finds_something(house: House) -> Made:
    """A configuration is not the sum of its lots, which nothing of ours would do."""
    of = customer(house, ends_on=house.clock.today() + 40 * DAYS)
    update(house.engine, "configurations", of.configuration_id, list_minor=1)
