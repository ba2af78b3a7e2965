"""`odnowa desk`: the acts of `desk_support.py` from the command line."""

import json
from datetime import date

import pytest
from sqlalchemy import Engine

from tests.ops.conftest import Odnowa
from tests.support.builders import account, catalogue, rows, size, subscriber

ACTS = [
    (("schedule-monthly", "yearly"), {"term_minor": 5700, "currency": "EUR"}),
    (("new-prices", "shop"), {"old_minor": 4500, "new_minor": 5700}),
    (("grant-credit", "shop", "--amount-minor", "500", "--currency", "EUR"), {"goodwill_minor": 500}),
    (("extend-term", "shop", "--days", "5"), {"days": 5, "auto_renew": True}),
]
ALL = ("desk", "new-prices", "--all", "--package=standard", "--currency=EUR", "--request-id=r-1", "--by=ops")
LATER = date(2099, 6, 1)


def customers(engine: Engine) -> None:
    """One by the month who pays less than the list says, and one by the year."""
    catalogue(engine)
    subscriber(engine, external_id="shop", agent_price_minor=1500, ends_on=LATER)
    subscriber(engine, external_id="yearly", interval="year", agent_price_minor=19000, ends_on=LATER)


@pytest.mark.parametrize(("words", "expected"), ACTS, ids=[words[0] for words, _ in ACTS])
def test_an_act_of_support_by_hand_and_the_same_again(
    odnowa: Odnowa, engine: Engine, words: tuple[str, ...], expected: dict[str, object]
) -> None:
    customers(engine)
    line = ("desk", *words, "--request-id", "r-1", "--by", "eva", "--reason", "asked", "--json")
    first, again = (json.loads(odnowa(*line).stdout) for _ in range(2))
    assert expected.items() <= first["result"].items()
    assert again == {"result": first["result"], "repeated": True}
    assert [(row["actor"], row["reason"]) for row in rows(engine, "SELECT * FROM audit_log")] == [
        ("support:eva", "asked")
    ]
    refused = odnowa(*line[:-5], "--as", "customer")
    assert (refused.exit_code, refused.stderr) == (1, "odnowa: only support can do this: please contact support\n")


def test_what_is_scheduled_is_shown_told_and_withdrawn(odnowa: Odnowa, engine: Engine) -> None:
    customers(engine)
    odnowa("desk", "schedule-monthly", "yearly", "--request-id", "r-1", "--reason", "asked")
    assert "interval on 20" in odnowa("desk", "my-package", "yearly").stdout
    kept = odnowa("desk", "keep-yearly", "yearly", "--request-id", "r-2", "--as", "customer")
    assert (kept.exit_code, "interval year" in kept.stdout) == (0, True)
    odnowa("desk", "grant-credit", "yearly", "--amount-minor=5", "--currency=EUR", "--request-id=r-3", "--reason=x")
    events = json.loads(odnowa("explain", "yearly", "--json").stdout)["events"]
    told = {event["kind"]: event["facts"] for event in events}
    assert (told["scheduled"]["what"], told["scheduled_withdrawn"]["what"]) == ("interval", "interval")
    assert (told["goodwill"]["why"], told["goodwill"]["amount_minor"]) == ("granted", 5)


def test_R3b_all_of_a_package_and_again(odnowa: Odnowa, engine: Engine) -> None:
    customers(engine)
    first = json.loads(odnowa(*ALL, "--reason", "the new list", "--json").stdout)
    assert first == {"counts": {"moved": 1, "unchanged": 1}, "refused": {}}
    assert odnowa(*ALL, "--reason", "the new list").stdout == "standard in EUR: unchanged 2\n"
    assert size(engine, "scheduled_changes") == 1


def test_R3b_those_of_all_that_are_refused_are_named(odnowa: Odnowa, engine: Engine) -> None:
    customers(engine)
    with engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM catalogue_prices WHERE \"interval\" = 'year'")
    found = odnowa(*ALL, "--reason", "the new list")
    assert (found.exit_code, found.stdout.splitlines()[0]) == (1, "standard in EUR: moved 1, refused 1")
    assert found.stdout.splitlines()[1].startswith("yearly: the price list has no standard by year in EUR")


@pytest.mark.parametrize(
    "words",
    [
        ("new-prices",),
        ("new-prices", "shop", "--all", "--package", "standard", "--currency", "EUR"),
        ("new-prices", "shop", "--package", "standard"),
        ("new-prices", "--all", "--package", "standard"),
        ("new-prices", "--all", "--package", "free", "--currency", "EUR"),
        ("new-prices", "--all", "--package", "standard", "--currency", "EUR", "--as", "customer", "--reason", "x"),
        ("new-prices", "--all", "--package", "standard", "--currency", "EUR"),
        ("extend-term", "shop", "--days", "many"),
        ("grant-credit", "shop", "--amount-minor", "5"),
    ],
)
def test_wrong_usage_writes_nothing(odnowa: Odnowa, engine: Engine, words: tuple[str, ...]) -> None:
    customers(engine)
    assert odnowa("desk", *words, "--request-id", "r-1").exit_code == 2
    assert rows(engine, "SELECT 1 FROM audit_log") == []


def test_an_account_by_hand_and_the_same_again(odnowa: Odnowa, engine: Engine) -> None:
    line = ("desk", "open-account", "shop", "--locale", "pl", "--currency", "PLN", "--request-id", "r-1", "--json")
    first, again = (json.loads(odnowa(*line).stdout) for _ in range(2))
    assert first == {"result": {"locale": "pl", "currency": "PLN"}, "repeated": False}
    assert again == first | {"repeated": True}
    assert size(engine, "accounts") == 1
    refused = odnowa("desk", "open-account", "shop", "--locale", "en", "--currency", "PLN", "--request-id", "r-2")
    assert (refused.exit_code, refused.stderr.startswith("odnowa: the account exists already")) == (1, True)


def test_a_set_up_that_the_provider_does_not_answer_is_one_line(odnowa: Odnowa, engine: Engine) -> None:
    account(engine, external_id="shop", provider_customer=None)
    silent = odnowa("desk", "method-set-up", "shop", "--request-id", "r-1", env={"STRIPE_PACED": "false"})
    assert (silent.exit_code, silent.stdout) == (1, "")
    assert silent.stderr.startswith("odnowa: the provider gives no answer")
    assert rows(engine, "SELECT 1 FROM desk_requests") == []
