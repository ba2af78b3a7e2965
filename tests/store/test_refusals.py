"""What the database itself refuses: rows that the rules exclude cannot be written by anybody."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from tests.support.builders import (
    NOON,
    Subscriber,
    account,
    catalogue,
    insert,
    method,
    subscriber,
    subscription,
    update,
)
from tests.support.work import charge, mail, run

FEBRUARY, MARCH = date(2026, 2, 15), date(2026, 3, 15)


def term(engine: Engine, of: Subscriber, *, number: int, starts_on: date, ends_on: date, **more: Any) -> int:
    values: dict[str, Any] = {
        "subscription_id": of.subscription_id,
        "number": number,
        "starts_on": starts_on,
        "ends_on": ends_on,
        "configuration_id": of.configuration_id,
        "paid_minor": 1,
        "currency": "EUR",
        "origin": "import",
    }
    return insert(engine, "terms", **(values | more))


@pytest.mark.parametrize(
    ("starts_on", "ends_on"),
    [
        (FEBRUARY, MARCH),
        (date(2026, 3, 14), date(2026, 4, 14)),
        (date(2026, 1, 1), date(2026, 2, 16)),
        (date(2026, 3, 1), date(2026, 3, 2)),
        (date(2026, 1, 1), date(2027, 1, 1)),
    ],
)
def test_terms_of_one_subscription_never_overlap(engine: Engine, starts_on: date, ends_on: date) -> None:
    of = subscriber(engine, anchor_on=FEBRUARY)
    with pytest.raises(IntegrityError, match="terms_never_overlap"):
        term(engine, of, number=1, starts_on=starts_on, ends_on=ends_on)


def test_terms_that_touch_or_belong_to_others_are_fine(engine: Engine) -> None:
    of, other = subscriber(engine, anchor_on=FEBRUARY), subscriber(engine, anchor_on=FEBRUARY)
    assert of.ends_on == other.ends_on == MARCH
    assert term(engine, of, number=1, starts_on=MARCH, ends_on=date(2026, 4, 15))
    assert term(engine, of, number=-1, starts_on=date(2026, 1, 15), ends_on=FEBRUARY)


def test_a_term_has_days_and_one_number(engine: Engine) -> None:
    of = subscriber(engine, anchor_on=FEBRUARY)
    with pytest.raises(IntegrityError, match="terms_not_negative"):
        term(engine, of, number=1, starts_on=MARCH, ends_on=date(2026, 3, 14))
    with pytest.raises(IntegrityError, match="terms_subscription_number_key"):
        term(engine, of, number=0, starts_on=MARCH, ends_on=date(2026, 4, 15))
    with pytest.raises(IntegrityError, match="terms_charge_of_origin"):
        term(engine, of, number=1, starts_on=MARCH, ends_on=date(2026, 4, 15), origin="charge")


@pytest.mark.parametrize("first", ["active", "past_due"])
@pytest.mark.parametrize("second", ["active", "past_due"])
def test_an_account_has_at_most_one_live_subscription(engine: Engine, first: str, second: str) -> None:
    of = subscriber(engine, status=first)
    with pytest.raises(IntegrityError, match="subscriptions_live_key"):
        subscription(engine, of.account_id, status=second)


@pytest.mark.parametrize("status", ["suspended", "ended"])
def test_subscriptions_that_are_not_live_may_be_many(engine: Engine, status: str) -> None:
    of = subscriber(engine)
    for _ in range(2):
        assert subscription(engine, of.account_id, status=status)


def test_an_account_has_one_method_in_use_and_any_number_beside(engine: Engine) -> None:
    account_id = account(engine)
    for state in ("in_use", "saved", "saved", "removed"):
        assert method(engine, account_id, state=state)
    with pytest.raises(IntegrityError, match="payment_methods_in_use_key"):
        method(engine, account_id, state="in_use")


def test_a_term_is_charged_once_until_its_charge_is_over(engine: Engine) -> None:
    catalogue(engine)
    of = subscriber(engine)
    for over in ("failed", "cancelled"):
        charge(engine, of, state=over)
    charge(engine, of, state="planned")
    with pytest.raises(IntegrityError, match="charges_term_key"):
        charge(engine, of, state="planned")
    assert charge(engine, of, state="planned", term_number=of.term_number + 2)


Planted = Callable[[Engine, Subscriber], object]


@pytest.mark.parametrize(
    ("name", "plant"),
    [
        ("accounts_currency_known", lambda e, _: account(e, currency="GBP")),
        ("accounts_locale_shape", lambda e, _: account(e, locale="English")),
        ("accounts_external_id_length", lambda e, _: account(e, external_id="x" * 101)),
        ("accounts_external_id_key", lambda e, of: account(e, external_id=of.external_id)),
        ("billing_details_country_shape", lambda e, _: account(e, country="cz")),
        ("payment_methods_type_known", lambda e, of: method(e, of.account_id, type="bitcoin", state="saved")),
        ("payment_methods_brand_accepted", lambda e, of: method(e, of.account_id, brand="amex", state="saved")),
        ("payment_methods_last4_shape", lambda e, of: method(e, of.account_id, last4="42424242", state="saved")),
        ("payment_methods_exp_month_range", lambda e, of: method(e, of.account_id, exp=(2030, 13), state="saved")),
        ("subscriptions_status_known", lambda e, of: subscription(e, of.account_id, status="paused")),
        ("configurations_agents_positive", lambda e, of: subscription(e, of.account_id, status="ended", agents=0)),
        ("charges_gross_is_net_and_vat", lambda e, of: charge(e, of, state="priced", vat_minor=7)),
        (
            "charges_paid_when_succeeded",
            lambda e, of: update(e, "charges", charge(e, of, state="created"), paid_at=NOON),
        ),
        ("charges_priced_before_use", lambda e, of: charge(e, of, state="created", gross_minor=None)),
        ("mails_reason_key", lambda e, of: [mail(e, of.account_id, subject_key="same") for _ in range(2)]),
        ("mails_sent_with_time", lambda e, of: mail(e, of.account_id, state="sent", sent_at=None)),
        ("runs_timetable_key", lambda e, _: [run(e, job="renew", trigger="timetable") for _ in range(2)]),
        ("runs_trigger_known", lambda e, _: run(e, trigger="whim")),
        ("runs_held_with_reason", lambda e, _: run(e, held_at=NOON)),
    ],
)
def test_a_row_that_the_rules_exclude_is_refused(engine: Engine, name: str, plant: Planted) -> None:
    of = subscriber(engine)
    with pytest.raises(IntegrityError, match=name):
        plant(engine, of)
