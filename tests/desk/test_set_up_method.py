"""A method is saved on a page of the provider: one customer there, one SetupIntent a request, no secret kept."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from sqlalchemy import text

from tests.support.builders import account, counts, rows
from tests.support.counter import audited
from tests.support.house import API_KEY, House
from worker.desk.customers_at_provider import ensure_customer
from worker.desk.payment_methods import attach_method, set_up_method
from worker.desk.renewal import renewal_off
from worker.desk.request import Caller, Role
from worker.errors import ActRefusedError, UnreachableError

SHOP = Caller(Role.CUSTOMER, "page", "shop")


def newcomer(house: House, **facts: Any) -> int:
    """An account that the provider does not know yet."""
    return account(house.engine, **({"external_id": "shop", "provider_customer": None} | facts))


def everything_stored(house: House) -> str:
    """All rows of all tables, as text."""
    found: list[str] = []
    with house.engine.begin() as connection:
        for table in counts(house.engine):
            found += connection.execute(text(f"SELECT t::text FROM {table} t")).scalars()  # noqa: S608 - names of tables
    return "\n".join(found)


def customer_of_account(house: House) -> str | None:
    """The account's customer at the provider."""
    found: str | None = house.fetch("SELECT provider_customer FROM accounts")[0]["provider_customer"]
    return found


def test_R5_a_method_that_was_saved_on_the_page_is_attached(house: House) -> None:
    newcomer(house)
    made = set_up_method(house.runtime, SHOP, request_id="r-1")
    assert customer_of_account(house) is not None
    method = house.emulator.finish_setup(made.setup, card="pm_card_visa", api_key=API_KEY)
    done = attach_method(house.runtime, SHOP, method, request_id="r-2")
    assert (done.result["brand"], done.result["in_use"]) == ("visa", True)


def test_R5b_the_secret_is_kept_nowhere_and_printed_by_accident_nowhere(house: House) -> None:
    newcomer(house)
    made = set_up_method(house.runtime, SHOP, request_id="r-1")
    assert made.client_secret
    assert made.client_secret not in everything_stored(house)
    assert made.client_secret not in repr(made)
    (row,) = audited(house)
    assert (row["act"], row["details"]["result"]) == ("desk.method_set_up", {"setup": made.setup})


def test_the_same_request_asks_again_and_is_answered_the_same(house: House) -> None:
    newcomer(house)
    first = set_up_method(house.runtime, SHOP, request_id="r-1")
    before = counts(house.engine)
    again = set_up_method(house.runtime, SHOP, request_id="r-1")
    assert (again.setup, again.client_secret, again.repeated) == (first.setup, first.client_secret, True)
    assert counts(house.engine) == before
    assert set_up_method(house.runtime, SHOP, request_id="r-2").setup != first.setup


def test_an_id_that_was_used_for_something_else_asks_the_provider_nothing(house: House) -> None:
    newcomer(house)
    with pytest.raises(ActRefusedError):
        renewal_off(house.runtime, SHOP, request_id="r-1")
    set_up_method(house.runtime, SHOP, request_id="r-1")
    with pytest.raises(ActRefusedError, match="choose a new one"):
        attach_method(house.runtime, SHOP, "pm_x", request_id="r-1")


def test_an_account_that_is_not_there_is_refused_before_the_provider_hears_of_it(house: House) -> None:
    with pytest.raises(ActRefusedError, match="no account is called"):
        set_up_method(house.runtime, SHOP, request_id="r-1")
    assert [row["details"]["refused"] for row in audited(house)] == ["no_account"]


def test_eight_who_need_the_customer_at_once_get_the_same_one(house: House) -> None:
    number = newcomer(house)

    def ask() -> str | None:
        try:
            return ensure_customer(house.runtime, number)
        except UnreachableError:
            return None  # the provider is busy with the same key; the same may be asked again

    with ThreadPoolExecutor(8) as pool:
        made = {one.result() for one in [pool.submit(ask) for _ in range(8)]}
    assert made - {None} == {customer_of_account(house)}


def test_a_lost_answer_leaves_one_customer(house: House) -> None:
    number = newcomer(house)
    house.emulator.fault("drop_after_execution", "customers.create", times=1)
    with pytest.raises(UnreachableError):
        ensure_customer(house.runtime, number)
    assert customer_of_account(house) is None
    made = ensure_customer(house.runtime, number)
    assert ensure_customer(house.runtime, number) == made == customer_of_account(house)


def test_other_details_are_another_question_to_the_provider(house: House) -> None:
    number = newcomer(house)
    house.emulator.fault("drop_after_execution", "customers.create", times=1)
    with pytest.raises(UnreachableError):
        ensure_customer(house.runtime, number)
    with house.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE billing_details SET version = 2, email = 'new@shop.example'")
    assert ensure_customer(house.runtime, number) == customer_of_account(house)


def test_a_customer_is_made_without_billing_details_too(house: House) -> None:
    number = newcomer(house)
    with house.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM billing_details")
    assert ensure_customer(house.runtime, number).startswith("cus_")
    assert rows(house.engine, "SELECT 1 FROM audit_log") == []
