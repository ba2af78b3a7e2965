"""`odnowa audit`: a table of all invariants, what is broken in words, and an exit code for a pipeline."""

import json

from sqlalchemy import Engine

from tests.ops.conftest import Odnowa
from tests.support.builders import account, counts, insert
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
