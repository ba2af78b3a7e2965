"""Builders of what the jobs leave behind: charges, attempts, invoices, mails, notices, runs, items."""

from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Engine, text

from tests.support.builders import NOON, Subscriber, insert, rows, size, update

TODAY = NOON.date()
_UNPRICED = frozenset({"planned", "cancelled"})
_BEFORE_THE_PROVIDER = frozenset({"planned", "priced", "cancelled"})


def charge(
    engine: Engine,
    of: Subscriber,
    *,
    state: str = "planned",
    term_number: int | None = None,
    business_date: date | None = None,
    credit_used_minor: int = 0,
    carried_out_minor: int = 0,
    paid_at: datetime = NOON,
    parked_reason: str | None = None,
    parked_at: datetime = NOON,
    **columns: Any,
) -> int:
    """A renewal charge of the next term: priced unless planned, with a PaymentIntent once the provider knows it.

    One that has succeeded brings its term with it. `columns` are written as they are, over what is made here.
    """
    bought = of.term(of.term_number + 1 if term_number is None else term_number)
    values: dict[str, Any] = {
        "account_id": of.account_id,
        "subscription_id": of.subscription_id,
        "purpose": "renewal",
        "term_number": bought.number,
        "business_date": business_date or bought.starts_on,
        "state": state,
    }
    if state not in _UNPRICED:
        values |= _priced(of, credit_used_minor=credit_used_minor, carried_out_minor=carried_out_minor)
        values |= {"starts_on": bought.starts_on, "ends_on": bought.ends_on}
    if state not in _BEFORE_THE_PROVIDER and values["amount_minor"]:
        values["provider_intent"] = f"pi_{of.external_id}_{1 + size(engine, 'charges')}"
    if state == "succeeded":
        values |= {"paid_at": paid_at, "paid_on": paid_at.date(), "tries": 1}
    if parked_reason is not None:
        values |= {"parked_at": parked_at, "parked_reason": parked_reason, "parked_detail": "built by a test"}
    values |= columns
    charge_id = insert(engine, "charges", **values)
    if state == "succeeded":
        _begin_term(engine, of, charge_id, values)
    return charge_id


def _priced(of: Subscriber, *, credit_used_minor: int, carried_out_minor: int) -> dict[str, Any]:
    sold = [("agents", of.agents, of.agent_price_minor), ("conversations", of.blocks, of.conversation_price_minor)]
    lines = [
        {"kind": kind, "quantity": n, "unit_price_minor": price, "net_minor": n * price} for kind, n, price in sold if n
    ]
    return {
        "configuration_id": of.configuration_id,
        "currency": of.currency,
        "net_minor": of.list_minor,
        "vat_minor": 0,
        "gross_minor": of.list_minor,
        "credit_used_minor": credit_used_minor,
        "carried_out_minor": carried_out_minor,
        "amount_minor": of.list_minor - credit_used_minor - carried_out_minor,
        "frozen": {
            "lines": lines,
            "vat": {"treatment": "not_registered", "rate": "0", "category": "O", "words": [], "reasons": []},
            "tax_on": of.ends_on.isoformat(),
            "country": "CZ",
            "vat_number": None,
            "package": of.package,
            "interval": of.interval,
            "conversation_block": of.conversation_block,
        },
    }


def _begin_term(engine: Engine, of: Subscriber, charge_id: int, values: dict[str, Any]) -> None:
    insert(
        engine,
        "terms",
        subscription_id=of.subscription_id,
        number=values["term_number"],
        starts_on=values["starts_on"],
        ends_on=values["ends_on"],
        configuration_id=of.configuration_id,
        paid_minor=values["amount_minor"] + values["credit_used_minor"],
        currency=of.currency,
        origin="charge",
        charge_id=charge_id,
    )
    update(
        engine,
        "subscriptions",
        of.subscription_id,
        term_number=values["term_number"],
        paid_until=values["ends_on"],
        status="active",
    )


def attempt(engine: Engine, charge_id: int, of: Subscriber, *, state: str = "declined", **columns: Any) -> int:
    """The next attempt of a charge, with the method in use; declined for want of money by default."""
    number = 1 + len(rows(engine, "SELECT 1 AS one FROM attempts WHERE charge_id = :charge", charge=charge_id))
    sent_at = NOON + timedelta(days=number - 1)
    values: dict[str, Any] = {
        "charge_id": charge_id,
        "number": number,
        "payment_method_id": of.method_id,
        "request": {"payment_method": f"pm_{of.account_id}", "off_session": True},
        "state": state,
        "sent_on": sent_at.date(),
        "sent_at": sent_at,
    }
    if state == "declined":
        values |= {
            "code": "card_declined",
            "decline_code": "insufficient_funds",
            "advice_code": "try_again_later",
        }
    return insert(engine, "attempts", **(values | columns))


def invoice(
    engine: Engine,
    charge_id: int,
    of: Subscriber,
    *,
    sequence: int = 1,
    issued_on: date | None = None,
    **columns: Any,
) -> int:
    """An invoice of a charge that has succeeded."""
    day = issued_on or NOON.date()
    return insert(
        engine,
        "invoices",
        **columns,
        account_id=of.account_id,
        charge_id=charge_id,
        kind="invoice",
        series="invoice",
        year=day.year,
        sequence=sequence,
        number=f"{day.year}-{sequence:06}",
        issued_on=day,
        paid_on=day,
        currency=of.currency,
        net_minor=of.list_minor,
        vat_minor=0,
        gross_minor=of.list_minor,
        snapshot={},
        snapshot_sha256="0" * 64,
    )


def printed_invoice(engine: Engine, charge_id: int, of: Subscriber, *, sequence: int = 1) -> int:
    """An invoice of a charge that has succeeded, with its pages and the mail that brought it."""
    number = invoice(engine, charge_id, of, sequence=sequence)
    with engine.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO invoice_documents (invoice_id, edition, template_version, pdf, pdf_sha256)
                VALUES (:invoice, 1, 1, '%PDF', '0')
            """),
            {"invoice": number},
        )
    mail(engine, of.account_id, kind="invoice_issued", subject_key=f"invoice:{number}", state="sent", invoice_id=number)
    return number


def mail(
    engine: Engine,
    account_id: int,
    *,
    kind: str = "term_ending",
    subject_key: str | None = None,
    state: str = "waiting",
    subscription_id: int | None = None,
    data: dict[str, Any] | None = None,
    **columns: Any,
) -> int:
    """A mail in the outbox; its reason is made up unless given."""
    number = 1 + size(engine, "mails")
    values: dict[str, Any] = {
        "account_id": account_id,
        "kind": kind,
        "subject_key": subject_key or f"test:{number}",
        "subscription_id": subscription_id,
        "data": data or {},
        "state": state,
    }
    if state == "sent":
        values |= {"sent_at": NOON, "recipient": "a@customers.example", "last_answer": "250 taken"}
    return insert(engine, "mails", **(values | columns))


def notice(engine: Engine, of: Subscriber, **columns: Any) -> int:
    """The notice that the term ends."""
    values: dict[str, Any] = {
        "account_id": of.account_id,
        "subscription_id": of.subscription_id,
        "kind": "term_ending",
        "term_number": of.term_number,
        "ends_on": of.ends_on,
    }
    return insert(engine, "notices", **(values | columns))


def run(
    engine: Engine,
    *,
    job: str = "renew",
    business_date: date = TODAY,
    trigger: str = "timetable",
    root_run_id: int | None = None,
    held_reason: str | None = None,
    planned: dict[str, Any] | None = None,
    **columns: Any,
) -> int:
    """A run; not of the timetable it gets the next free sequence."""
    earlier = rows(
        engine,
        "SELECT coalesce(max(sequence), 0) AS n FROM runs WHERE job = :job AND business_date = :date",
        job=job,
        date=business_date,
    )[0]["n"]
    values: dict[str, Any] = {
        "job": job,
        "business_date": business_date,
        "trigger": trigger,
        "sequence": 0 if trigger == "timetable" else earlier + 1,
        "root_run_id": root_run_id,
        "requested_by": "tests",
        "planned": planned or {},
        "held_at": None if held_reason is None else NOON,
        "held_reason": held_reason,
    }
    return insert(engine, "runs", **(values | columns))


def item(
    engine: Engine,
    *,
    run_id: int | None = None,
    job: str = "renew",
    ids: list[int] | None = None,
    key: str | None = None,
    state: str = "ready",
    **columns: Any,
) -> int:
    """A work item, of a run of its own unless one is given."""
    number = 1 + size(engine, "work_items")
    values: dict[str, Any] = {
        "run_id": run_id if run_id is not None else run(engine, job=job, trigger="manual"),
        "job": job,
        "key": key or f"test:{number}",
        "payload": {"ids": ids or []},
        "state": state,
    }
    if state in {"done", "cancelled"}:
        values["done_at"] = NOON
    if state == "dead":
        values |= {"attempts": 12, "last_error": "OSError: built by a test"}
    return insert(engine, "work_items", **(values | columns))
