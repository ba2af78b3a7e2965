"""`odnowa audit`: a table of all invariants, what is broken in words, and an exit code for a pipeline."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from tests.ops.conftest import Odnowa
from tests.support.builders import account, counts, insert
from tests.support.doubles import charged_twice, paid_by_hand
from tests.support.house import House
from tests.support.stories import customer
from worker.clock import SystemClock
from worker.store.audit import INVARIANTS


def overdrawn(engine: Engine) -> str:
    """A store in which one account's credit is overdrawn; returns the account's external id."""
    of = account(engine, external_id="shop-1")
    insert(engine, "credit_entries", account_id=of, currency="EUR", amount_minor=-1, kind="import")
    return "shop-1"


def test_a_sound_store_is_said_to_be_one(odnowa: Odnowa) -> None:
    result = odnowa("audit")
    assert result.exit_code == 0
    assert all(name in result.stdout for name in INVARIANTS)
    assert result.stdout.endswith(f"{len(INVARIANTS)} invariants, nothing broken\n")
    assert "runbook" not in result.stdout


def test_what_is_broken_is_told_with_its_meaning_and_its_page(odnowa: Odnowa, engine: Engine) -> None:
    name = overdrawn(engine)
    before = counts(engine)
    result = odnowa("audit")
    assert result.exit_code == 1
    said = " ".join(result.stdout.split())
    assert "credit_overdrawn broken 1 R12c an account's credit is overdrawn. Credit was spent" in said
    assert 'runbook "audit: credit_overdrawn"' in said
    assert f"credit_overdrawn {name} - the credit is -1 EUR" in said
    assert result.stdout.endswith(f"{len(INVARIANTS)} invariants, 1 broken\n")
    assert counts(engine) == before, "it writes nothing"


def test_json_says_the_same(odnowa: Odnowa, engine: Engine) -> None:
    name = overdrawn(engine)
    result = odnowa("audit", "--json", "--only", "credit_overdrawn", "--only", "goodwill_overdrawn")
    assert result.exit_code == 1
    first, second = json.loads(result.stdout)
    (listed,) = first.pop("listed")
    assert (listed["account"], listed["what"]) == (name, "the credit is -1 EUR")
    assert first == {
        "invariant": "credit_overdrawn",
        "state": "broken",
        "violations": 1,
        "means": INVARIANTS["credit_overdrawn"].means,
        "runbook": "audit: credit_overdrawn",
    }
    assert (second["invariant"], second["state"], second["listed"]) == ("goodwill_overdrawn", "holds", [])


def test_only_what_is_asked_for_decides_the_exit_code(odnowa: Odnowa, engine: Engine) -> None:
    overdrawn(engine)
    assert odnowa("audit", "--only", "terms_overlap").exit_code == 0


def test_an_unknown_name_is_refused_in_one_line(odnowa: Odnowa) -> None:
    result = odnowa("audit", "--only", "nothing")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("odnowa: no invariant is called nothing; there are: terms_overlap, ")
    assert result.stderr.count("\n") == 1


def test_a_day_is_compared_with_the_provider_and_what_was_charged_twice_goes_back(
    odnowa: Odnowa, house: House, tmp_path: Path
) -> None:
    now = SystemClock(house.clock.zone).now()
    house.clock.instant = now - timedelta(days=1)
    house.emulator.set_clock(house.clock.instant)
    day = house.clock.today()
    customer(house, external_id="shop")
    house.run("renew")
    booked, other = charged_twice(house, "shop")
    paid_by_hand(house, "shop", {}, amount_minor=900)
    env = {"STRIPE_API_BASE": house.emulator.url, "FILES_URL": str(tmp_path)}
    what = ("audit", "--provider", "--date", day.isoformat())
    result = odnowa(*what, env=env)
    assert result.exit_code == 1
    said = " ".join(result.stdout.split())
    assert 'runbook "audit: charged_twice"' in said
    assert f"charged_twice shop 1 {other}: 5700 EUR, beside {booked} of charge 1" in said
    assert said.endswith("3 charges, 0 refunds, 0 disputes at the provider, 1 of them foreign; 1 broken")
    told = json.loads(odnowa(*what, "--json", env=env).stdout)
    assert (told["since"], told["until"], told["charges"], told["broken"]) == (day.isoformat(), day.isoformat(), 3, 1)
    assert [one["invariant"] for one in told["found"] if one["state"] == "broken"] == ["charged_twice"]
    assert told["given_back"] == []

    back = ("audit", "--refund-duplicates", "--since", day.isoformat(), "--until", day.isoformat())
    dry = odnowa(*back, "--dry-run", env=env)
    assert other in dry.stdout
    assert house.fetch("SELECT 1 AS one FROM payouts") == []
    made = odnowa(*back, "--reason", "charged twice", "--by", "eva", env=env)
    assert (made.exit_code, "pay_refunds" in made.stderr) == (1, True)
    assert house.fetch("SELECT provider_intent, amount_minor, state FROM payouts") == [
        {"provider_intent": other, "amount_minor": 5700, "state": "planned"}
    ]
    house.drain()
    assert [one["payment_intent"] for one in house.emulator.journal_refunds()] == [other]
    again = odnowa(*back, "--reason", "charged twice", env=env)
    assert (again.exit_code, again.stdout.rstrip().endswith("nothing broken")) == (0, True)
    assert len(house.fetch("SELECT 1 AS one FROM payouts")) == 1


@pytest.mark.parametrize(
    ("asked", "code", "said"),
    [
        ("--refund-duplicates", 2, "needs --reason"),
        ("--refund-duplicates --reason=", 2, "needs --reason"),
        ("--date 2026-03-01", 2, "go with --provider"),
        ("--dry-run", 2, "go with --provider"),
        ("--provider --dry-run", 2, "no --only"),
        ("--provider --only terms_overlap", 2, "no --only"),
        ("--provider --date 2026-03-01 --since 2026-03-01", 2, "takes --date, or"),
        ("--provider --date 2999-01-01", 1, "that day has not come"),
        ("--provider --since 2026-03-02 --until 2026-03-01", 1, "lies after --until"),
        ("--provider --date yesterday", 2, "is no date"),
        ("--provider", 1, "stripe.charges cannot be read"),
    ],
)
def test_what_cannot_be_asked_of_the_provider_is_refused(odnowa: Odnowa, asked: str, code: int, said: str) -> None:
    result = odnowa("audit", *asked.split())
    assert (result.exit_code, result.stdout) == (code, "")
    assert said in " ".join(result.stderr.replace("│", " ").split())
