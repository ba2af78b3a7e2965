"""The job `check_vat_numbers`: R19 and R19b, each answer kept as evidence, nothing asked more often than it must."""

from datetime import timedelta

import pytest

from tests.support.builders import subscriber, update
from tests.support.house import OWN_NUMBER, House
from tests.support.register import Register
from tests.support.stories import Died, dying_at, restart
from worker import jobs
from worker.desk.billing_details import BillingDetails, change_billing_details
from worker.desk.my_package import my_package
from worker.desk.request import Caller, Role

NUMBER = "PL5260001246"
JOB = "check_vat_numbers"


def shop(
    house: House,
    number: str | None = NUMBER,
    *,
    country: str = "PL",
    days_left: int = 200,
    external_id: str | None = None,
) -> None:
    """A live subscriber of that country."""
    ends_on = house.clock.today() + timedelta(days=days_left)
    subscriber(house.engine, external_id=external_id, vat_number=number, country=country, ends_on=ends_on)


def asked(register: Register) -> list[str]:
    """What the register was asked about, in order."""
    return [one["countryCode"] + one["vatNumber"] for one in register.heard["asked"]]


def stands(house: House) -> list[tuple[str, str, int]]:
    """Number, state and questions without an answer, oldest first."""
    found = house.fetch("SELECT number, state, unanswered FROM vat_numbers ORDER BY id")
    return [(row["number"], row["state"], row["unanswered"]) for row in found]


def test_R19b_a_confirmed_number_is_kept_with_its_evidence(registered: House, register: Register) -> None:
    shop(registered)
    registered.run(JOB)
    assert stands(registered) == [(NUMBER, "valid", 0)]
    [kept] = registered.fetch("SELECT * FROM vat_checks")
    assert (kept["outcome"], kept["told_on"]) == ("valid", registered.clock.today())
    assert kept["consultation"].startswith("WAPISTANDIN"), "we asked in our own name"
    assert NUMBER[2:] in kept["body"]
    [question] = register.heard["asked"]
    assert question["requesterMemberStateCode"] + question["requesterNumber"] == OWN_NUMBER


def test_R19b_twice_asks_once(registered: House, register: Register) -> None:
    shop(registered)
    registered.run(JOB)
    registered.run(JOB)
    assert asked(register) == [NUMBER]


@pytest.mark.parametrize(
    ("number", "country"),
    [(None, "PL"), ("CZ25123891", "CZ"), ("CHE123456788", "CH"), ("DE136695976", "PL"), ("XI100", "GB")],
)
def test_R19_what_proves_nothing_is_not_asked(
    registered: House, register: Register, number: str | None, country: str
) -> None:
    shop(registered, number, country=country)
    registered.run(JOB)
    assert asked(register) == []


def test_R19_Greece_is_asked_about_under_its_own_prefix(registered: House, register: Register) -> None:
    shop(registered, "EL094259216", country="GR")
    registered.run(JOB)
    assert asked(register) == ["EL094259216"]


def test_a_seller_who_is_not_registered_asks_nobody(house: House, register: Register) -> None:
    shop(house)
    house.run(JOB)
    assert (asked(register), stands(house)) == ([], [])


def test_R19_a_plain_no_is_told_to_the_customer_once(registered: House, register: Register) -> None:
    register.tell("numbers", {NUMBER: "INVALID"})
    shop(registered)
    registered.run(JOB)
    assert stands(registered) == [(NUMBER, "invalid", 0)]
    registered.wait(days=40)
    registered.run(JOB)
    assert asked(register) == [NUMBER], "until somebody asks for it"
    assert [kind for kind, _ in registered.mails()] == ["vat_number_not_confirmed"]
    assert NUMBER in registered.sink.mails[0]["Subject"]


def test_R19b_an_unknown_answer_is_asked_again_with_growing_pauses(registered: House, register: Register) -> None:
    register.tell("outages", {"country": "PL", "error": "MS_UNAVAILABLE"})
    shop(registered)
    pauses = []
    for _ in range(3):
        before = registered.clock.now()
        registered.run(JOB)
        [row] = registered.fetch("SELECT state, ask_at FROM vat_numbers")
        assert row["state"] == "pending"
        pauses.append(row["ask_at"] - before)
        registered.clock.instant = row["ask_at"]
    assert pauses == [timedelta(minutes=5), timedelta(minutes=10), timedelta(minutes=20)]
    register.tell("outages", {"country": "PL", "error": None})
    registered.runtime.vies._counters["PL"].rest.answered()  # the breaker's own clock is not moved by ours
    registered.run(JOB)
    assert stands(registered) == [(NUMBER, "valid", 0)]
    assert registered.mails() == []


def test_R19b_a_country_that_is_left_alone_costs_no_evidence(registered: House, register: Register) -> None:
    register.tell("outages", {"country": "PL", "error": "TIMEOUT"})
    for n in range(5):
        shop(registered, external_id=f"s{n}")
    registered.run(JOB)
    assert len(asked(register)) == 3, "after three failures the breaker is open"
    assert [row["reason"] for row in registered.fetch("SELECT reason FROM vat_checks")] == ["unavailable"] * 3
    assert [unanswered for _, _, unanswered in stands(registered)] == [1, 1, 1, 0, 0]


def test_R19b_valid_numbers_are_asked_about_monthly(registered: House, register: Register) -> None:
    shop(registered)
    for _ in range(70):
        registered.run(JOB)
        registered.wait(days=1)
    assert len(asked(register)) == 3


def test_R19b_from_14_days_before_a_renewal_once(registered: House, register: Register) -> None:
    shop(registered, days_left=29)
    asked_on = []
    for day in range(29):
        before = len(asked(register))
        registered.run(JOB)
        asked_on += [29 - day] * (len(asked(register)) - before)
        registered.wait(days=1)
    assert asked_on == [29, 14]


def test_R19b_unknown_near_a_renewal_is_asked_by_its_pauses_and_leaves_the_proof(
    registered: House, register: Register
) -> None:
    shop(registered, days_left=20)
    registered.run(JOB)
    register.tell("outages", {"country": "*", "error": "SERVICE_UNAVAILABLE"})
    registered.wait(days=7)
    registered.run(JOB)
    registered.run(JOB)
    assert len(asked(register)) == 2
    assert stands(registered) == [(NUMBER, "valid", 1)]
    [number] = registered.fetch("SELECT evidence_id FROM vat_numbers")
    assert number["evidence_id"] == registered.fetch("SELECT min(id) AS id FROM vat_checks")[0]["id"]


def test_our_own_number_refused_is_nobodys_fault_but_ours(
    registered: House, register: Register, capsys: pytest.CaptureFixture[str]
) -> None:
    register.tell("numbers", {NUMBER: "INVALID_REQUESTER_INFO"})
    shop(registered)
    registered.run(JOB)
    assert stands(registered) == [(NUMBER, "pending", 1)]
    assert registered.mails() == []
    assert "vies_refuses_our_number" in capsys.readouterr().out


def test_a_death_at_any_door_loses_no_answer_for_long(registered: House, register: Register) -> None:
    register.tell("numbers", {NUMBER: "INVALID"})
    shop(registered)
    for door in ("before:call:vies.check", "after:call:vies.check", "before:commit:vat.keep", "after:commit:vat.keep"):
        planned = registered.plan(JOB)
        with dying_at(door) as passes, pytest.raises(Died):
            registered.execute(planned.items[0], JOB)
        assert passes == [door]
        restart(registered)
        registered.drain()
        assert stands(registered) == [(NUMBER, "invalid", 0)]
        [row] = registered.fetch("SELECT id FROM vat_numbers")
        update(registered.engine, "vat_numbers", row["id"], ask_at=registered.clock.now())
    assert [kind for kind, _ in registered.mails()] == ["vat_number_not_confirmed"]


def test_R19_a_new_number_is_asked_about_at_once_and_the_same_again_asks_again(
    registered: House, register: Register
) -> None:
    register.tell("numbers", {NUMBER: "INVALID"})
    shop(registered, None, external_id="kwiaty")
    who = Caller(Role.CUSTOMER, "page", "kwiaty")
    details = BillingDetails("Kwiaty", "Kwiatowa 1", "Gdańsk", "80-001", "PL", "a@kwiaty.example", NUMBER)
    assert my_package(registered.runtime, who)["vat_number"] is None
    change_billing_details(registered.runtime, who, details, request_id="1")
    assert my_package(registered.runtime, who)["vat_number"] == {"number": NUMBER, "state": "pending"}
    registered.drain()
    assert my_package(registered.runtime, who)["vat_number"]["state"] == "invalid"
    register.forget()
    change_billing_details(registered.runtime, who, details, request_id="2")
    registered.drain()
    assert my_package(registered.runtime, who)["vat_number"]["state"] == "valid"
    change_billing_details(registered.runtime, who, details, request_id="3")
    registered.drain()
    assert len(asked(register)) == 1, "a valid one is not asked about again"


def test_the_timetable_has_it_before_the_renewals(registered: House) -> None:
    spec, renew = (jobs.load()[name].spec(registered.runtime) for name in (JOB, "renew"))
    assert spec.daily_at is not None
    assert renew.daily_at is not None
    assert spec.daily_at < renew.daily_at
    assert spec.minutely, "what is due is looked for each minute"
