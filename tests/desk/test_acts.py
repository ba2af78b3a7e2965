"""Every act: once, twice with one request id, twenty at once; its audit row, and the entitlements right after it."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.support.builders import Subscriber, counts, size
from tests.support.counter import ACTS, audited, customer_of, entitled, with_second_method
from tests.support.house import House
from tests.support.stories import customer
from worker.desk.renewal import renewal_off, renewal_on
from worker.errors import ActRefusedError

LEAVES = {
    "open_account": {},
    "renewal_on": {},
    "renewal_off": {"mails": 1, "runs": 1, "work_items": 1},
    "method_attach": {"payment_methods": 1},
    "method_use": {},
    "method_remove": {},
    "billing_details": {"billing_details": 1},
    "invoice_note": {"invoice_notes": 1},
    "grant_credit": {"goodwill_entries": 1},
    "extend_term": {"terms": 1, "mails": 1, "runs": 1, "work_items": 1},
    "to_free": {},
}
"""The rows that each act adds, beside its request and its audit row."""
BY_SUPPORT = ("grant_credit", "extend_term", "to_free")


def prepared(house: House) -> Subscriber:
    """A customer whose term ends in ten days, with a second method saved."""
    of = customer(house, ends_on=house.clock.today() + timedelta(days=10), credit_minor=300)
    with_second_method(house, of)
    return of


def added(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """Rows that came, by table."""
    return {table: after[table] - n for table, n in before.items() if after[table] != n}


@pytest.mark.parametrize("act", ACTS)
def test_an_act_leaves_its_effect_one_request_and_one_audit_row(house: House, act: str) -> None:
    of = prepared(house)
    before = counts(house.engine)
    done = ACTS[act](house, of, "r-1")
    assert not done.repeated
    assert added(before, counts(house.engine)) == {**LEAVES[act], "desk_requests": 1, "audit_log": 1}
    (row,) = audited(house)
    assert (row["act"], row["account_id"], row["details"]["request_id"]) == (f"desk.{act}", of.account_id, "r-1")
    assert row["details"]["result"] == dict(done.result)
    assert row["actor"] == ("support:eva" if act in BY_SUPPORT else "customer:page")


@pytest.mark.parametrize("act", ACTS)
def test_the_same_request_twice_gives_the_kept_result_and_changes_nothing(house: House, act: str) -> None:
    of = prepared(house)
    first = ACTS[act](house, of, "r-1")
    before = counts(house.engine)
    again = ACTS[act](house, of, "r-1")
    assert again.repeated
    assert dict(again.result) == dict(first.result)
    assert counts(house.engine) == before


@pytest.mark.parametrize("act", ACTS)
def test_twenty_at_once_have_one_effect(house: House, act: str) -> None:
    of = prepared(house)
    before = counts(house.engine)
    with ThreadPoolExecutor(20) as pool:
        done = [one.result() for one in [pool.submit(ACTS[act], house, of, "r-1") for _ in range(20)]]
    assert [one.repeated for one in done].count(False) == 1
    assert all(dict(one.result) == dict(done[0].result) for one in done)
    assert added(before, counts(house.engine)) == {**LEAVES[act], "desk_requests": 1, "audit_log": 1}


@pytest.mark.parametrize("act", ACTS)
def test_the_entitlements_are_right_to_the_last_act(house: House, act: str) -> None:
    of = prepared(house)
    before = entitled(house, of)
    ACTS[act](house, of, "r-1")
    after = entitled(house, of)
    if act == "to_free":
        assert (after["package"], after["agents"], after["status"], after["support"]) == ("free", 1, "free", False)
    elif act == "extend_term":
        assert after == before | {"valid_until": before["valid_until"] + timedelta(days=5)}
    else:
        assert after == before


def test_the_same_id_with_another_content_is_refused_and_audited(house: House) -> None:
    of = prepared(house)
    renewal_off(house.runtime, customer_of(of), request_id="r-1")
    with pytest.raises(ActRefusedError, match="choose a new one") as refused:
        renewal_on(house.runtime, customer_of(of), request_id="r-1")
    assert refused.value.code == "request_id_used"
    assert [row["details"].get("refused") for row in audited(house)] == [None, "request_id_used"]
    assert size(house.engine, "desk_requests") == 1


def test_two_accounts_may_use_the_same_request_id(house: House) -> None:
    for of in (prepared(house), prepared(house)):
        assert not renewal_off(house.runtime, customer_of(of), request_id="r-1").repeated


def test_what_was_refused_may_be_asked_again_under_its_id(house: House) -> None:
    of = customer(house, ends_on=house.clock.today() + timedelta(days=10), method=None, auto_renew=False)
    with pytest.raises(ActRefusedError):
        renewal_on(house.runtime, customer_of(of), request_id="r-1")
    with_second_method(house, of)
    ACTS["method_use"](house, of, "r-2")
    assert not renewal_on(house.runtime, customer_of(of), request_id="r-1").repeated
