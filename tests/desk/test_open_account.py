"""A new account is made once per external id, by whoever comes first; what cannot be a name is refused (R1, R3)."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.builders import counts, size
from tests.support.counter import DETAILS, audited
from tests.support.house import House
from worker.desk.billing_details import change_billing_details
from worker.desk.my_package import my_package
from worker.desk.open_account import open_account
from worker.desk.request import Caller, Role
from worker.errors import ActRefusedError

PRODUCT = Caller(Role.CUSTOMER, "page", "obchod-1")


def opened(house: House, caller: Caller = PRODUCT, **changes: Any) -> Any:
    """An account, in Czech and crowns unless told otherwise."""
    return open_account(house.runtime, caller, **({"locale": "cs", "currency": "CZK", "request_id": "r-1"} | changes))


def test_R1_a_new_account_is_free_and_audited(house: House) -> None:
    done = opened(house)
    assert (dict(done.result), done.repeated) == ({"locale": "cs", "currency": "CZK"}, False)
    (row,) = house.fetch("SELECT * FROM accounts")
    assert (row["external_id"], row["locale"], row["currency"], row["provider_customer"]) == (
        "obchod-1",
        "cs",
        "CZK",
        None,
    )
    (entitled,) = house.fetch("SELECT * FROM entitlements")
    assert (entitled["package"], entitled["status"], entitled["valid_until"]) == ("free", "free", None)
    (audit,) = audited(house)
    assert (audit["act"], audit["account_id"], audit["actor"]) == ("desk.open_account", row["id"], "customer:page")


def test_the_same_again_is_the_same_account_whatever_the_request(house: House) -> None:
    first = opened(house)
    again, another = opened(house), opened(house, request_id="r-2")
    assert (again.repeated, another.repeated) == (True, False)
    assert dict(again.result) == dict(another.result) == dict(first.result)
    assert size(house.engine, "accounts") == 1
    assert house.fetch("SELECT last_value AS n FROM accounts_id_seq")[0]["n"] == 1


def test_twenty_at_once_open_one_account(house: House) -> None:
    with ThreadPoolExecutor(20) as pool:
        done = [one.result() for one in [pool.submit(opened, house) for _ in range(20)]]
    assert [one.repeated for one in done].count(False) == 1
    assert size(house.engine, "accounts") == size(house.engine, "desk_requests") == size(house.engine, "audit_log") == 1


@pytest.mark.parametrize("changes", [{"locale": "en"}, {"currency": "EUR"}])
def test_R3_an_account_keeps_its_language_and_currency(house: House, changes: dict[str, Any]) -> None:
    opened(house)
    before = counts(house.engine, but=("audit_log",))
    with pytest.raises(ActRefusedError, match="open it with these") as refused:
        opened(house, request_id="r-2", **changes)
    assert refused.value.code == "account_exists"
    assert counts(house.engine, but=("audit_log",)) == before
    assert audited(house)[-1]["details"]["refused"] == "account_exists"


REFUSED = [
    ("", {}, "missing"),
    ("x" * 101, {}, "too_long"),
    ("shop\n1", {}, "characters"),
    ("shop\x00", {}, "characters"),
    ("shop\u202e1", {}, "characters"),
    ("shop\ud800", {}, "characters"),
    ("shop\u200b1", {}, "external_id"),
    ("shop\u00a01", {}, "external_id"),
    (" shop", {}, "external_id"),
    ("cafe\u0301", {}, "external_id"),
    ("shop", {"locale": "xx"}, "locale"),
    ("shop", {"locale": "cs_CZ"}, "locale"),
    ("shop", {"currency": "GBP"}, "currency"),
    ("shop", {"currency": "eur"}, "currency"),
    ("shop", {"request_id": "\x00"}, "request_id"),
]


@pytest.mark.parametrize(("name", "changes", "code"), REFUSED)
def test_a_refusal_makes_no_account_and_leaves_an_audit_row(
    house: House, name: str, changes: dict[str, str], code: str
) -> None:
    with pytest.raises(ActRefusedError) as refused:
        opened(house, Caller(Role.SUPPORT, "eva", name), **changes)
    assert refused.value.code == code
    assert size(house.engine, "accounts") == 0
    (audit,) = audited(house)
    assert (audit["account_id"], audit["details"]["refused"]) == (None, code)


def test_a_request_id_that_was_used_makes_nothing(house: House) -> None:
    opened(house)
    with pytest.raises(ActRefusedError, match="choose a new one"):
        opened(house, currency="EUR")


def test_the_other_acts_take_it_from_there(house: House) -> None:
    opened(house)
    change_billing_details(house.runtime, PRODUCT, DETAILS, request_id="r-2")
    shown = my_package(house.runtime, PRODUCT)
    assert (shown["package"], shown["term"], shown["next_charge"]) == ("free", None, None)
