"""The job `remind`: R9b and R9c, each mail once, and the days that are truly left."""

from datetime import date, timedelta

from tests.support.builders import credit, update
from tests.support.house import House
from tests.support.stories import customer, kinds_of, next_days, status_of, switch_renewal

DAYS = timedelta(days=1)


def subjects(house: House) -> list[str]:
    return [str(mail["Subject"]).replace("\xa0", " ") for mail in house.sink.mails]


def standing(house: House) -> int:
    return len(house.fetch("SELECT * FROM notices WHERE withdrawn_at IS NULL"))


def test_R9b_reminders_go_out_14_7_and_1_days_before_and_twice_is_harmless(house: House) -> None:
    end = house.clock.today() + 16 * DAYS
    of = customer(house, auto_renew=False, ends_on=end)
    renewed = customer(house, ends_on=end)
    told, stands = {}, []
    for day in next_days(house, 18):
        before = len(subjects(house))
        house.run("renew")
        house.run("suspend")
        house.run("remind")
        house.run("remind")
        stands.append(standing(house))
        for subject in subjects(house)[before:]:
            if "invoice" not in subject.lower():
                told[(end - day).days] = subject
    assert told == {
        14: "Your Standard subscription ends in 14 days",
        7: "Your Standard subscription ends in 7 days",
        1: "Your Standard subscription ends in 1 day",
        0: "Your account has been suspended",
    }
    assert stands == [0, 0, *[1] * 14, 0, 0], "the notice stands from 14 days before until the suspension"
    assert status_of(house, of) == "suspended"
    assert "term_ending" not in kinds_of(house, renewed)


def test_R9b_late_reminders_are_one_mail_with_the_days_truly_left(house: House) -> None:
    today = house.clock.today()
    of = customer(house, auto_renew=False, ends_on=today + 5 * DAYS)
    gone = customer(house, auto_renew=False, ends_on=today)
    for missed in range(5, -1, -1):
        house.run("remind", day=today - missed * DAYS)
    assert subjects(house) == ["Your Standard subscription ends in 5 days"]
    text = house.sink.mails[0].get_body(("plain",))
    assert text is not None
    assert "19 Mar 2026" in text.get_content().replace("\xa0", " "), "the last paid day"
    assert kinds_of(house, gone) == [], "none after the end"
    assert len(kinds_of(house, of)) == 1


def test_R9b_a_reminder_that_waited_is_merged_into_the_next_or_withdrawn_at_the_end(house: House) -> None:
    end = house.clock.today() + 14 * DAYS
    of = customer(house, auto_renew=False, ends_on=end, email="later@customers.example")
    house.run("remind")
    house.go_to(end - 7 * DAYS)
    house.run("remind")
    states = house.fetch("SELECT subject_key, state FROM mails ORDER BY id")
    assert [row["state"] for row in states] == ["withdrawn", "waiting"]
    house.go_to(end - 3 * DAYS)
    (details,) = house.fetch("SELECT id FROM billing_details WHERE account_id = :of", of=of.account_id)
    update(house.engine, "billing_details", details["id"], email="found@customers.example")
    house.run("deliver_mail")
    assert subjects(house) == ["Your Standard subscription ends in 3 days"], "counted on the day it is sent"
    update(house.engine, "billing_details", details["id"], email="later@customers.example")
    house.go_to(end - DAYS)
    house.run("remind")
    house.go_to(end)
    house.run("deliver_mail")
    assert house.fetch("SELECT state FROM mails ORDER BY id DESC LIMIT 1") == [{"state": "withdrawn"}]
    assert len(subjects(house)) == 1


def test_R9b_renewal_switched_on_ends_the_reminders_and_off_again_lets_the_notice_stand(house: House) -> None:
    end = house.clock.today() + 14 * DAYS
    of = customer(house, auto_renew=False, ends_on=end)
    house.run("remind")
    switch_renewal(house, of, on=True)
    (notice,) = house.fetch("SELECT id FROM notices")
    update(house.engine, "notices", notice["id"], withdrawn_at=house.clock.now(), withdrawn_because="renewal on")
    house.go_to(end - 7 * DAYS)
    house.run("remind")
    assert kinds_of(house, of) == ["term_ending"], "no further reminder"
    assert standing(house) == 0
    house.go_to(end - 6 * DAYS)
    switch_renewal(house, of, on=False)
    house.run("remind")
    assert standing(house) == 1
    switch_renewal(house, of, on=True)
    (notice,) = house.fetch("SELECT id FROM notices WHERE withdrawn_at IS NULL")
    update(house.engine, "notices", notice["id"], withdrawn_at=house.clock.now(), withdrawn_because="renewal on")
    house.go_to(end - 5 * DAYS)
    switch_renewal(house, of, on=False)
    house.run("remind")
    assert standing(house) == 1, "it stands until the term is paid or the account suspended"
    assert kinds_of(house, of) == ["term_ending", "term_ending"], "the reminder of 7 days was sent once"


def test_R9b_the_notice_ends_when_the_term_is_paid(house: House) -> None:
    end = house.clock.today() + 3 * DAYS
    of = customer(house, auto_renew=False, ends_on=end)
    house.run("remind")
    assert standing(house) == 1
    switch_renewal(house, of, on=True)
    house.go_to(end)
    house.run("renew")
    (notice,) = house.fetch("SELECT * FROM notices")
    assert notice["withdrawn_because"] == "paid"


def test_R9c_a_yearly_renewal_is_announced_30_days_ahead_and_again_only_when_it_rises(house: House) -> None:
    end = house.clock.today() + 31 * DAYS
    of = customer(house, interval="year", ends_on=end, agent_price_minor=19000)
    credit(house.engine, of.account_id, 7000)
    monthly = customer(house, ends_on=end)
    house.run("remind")
    assert house.mails() == []
    house.go_to(end - 30 * DAYS)
    house.run("remind")
    house.run("remind")
    assert kinds_of(house, of) == ["yearly_renewal"]
    assert kinds_of(house, monthly) == []
    text = house.sink.mails[0].get_body(("plain",))
    assert text is not None
    said = text.get_content().replace("\xa0", " ")
    assert "500.00 EUR" in said, "57000 less the credit: what will be charged"
    assert "15 Apr 2026" in said
    update(house.engine, "configurations", of.configuration_id, agents=2, agent_lots=[[2, 19000]], list_minor=2 * 19000)
    house.run("remind")
    assert len(house.mails()) == 1, "less is no reason to write"
    update(house.engine, "configurations", of.configuration_id, agents=4, agent_lots=[[4, 19000]], list_minor=4 * 19000)
    house.run("remind")
    house.run("remind")
    assert kinds_of(house, of) == ["yearly_renewal", "yearly_renewal"]
    update(house.engine, "configurations", of.configuration_id, agents=3)
    house.run("remind")
    assert len(house.mails()) == 2
    switch_renewal(house, of, on=False)
    update(house.engine, "configurations", of.configuration_id, agents=9)
    house.run("remind")
    assert len(house.mails()) == 2, "nothing will be renewed"


def test_R9c_a_card_that_expires_before_the_renewal_is_announced_14_days_ahead(house: House) -> None:
    end = date(2026, 4, 1)
    expires = customer(house, ends_on=end, card_exp=(2026, 3))
    good = customer(house, ends_on=end, card_exp=(2026, 4))
    paypal = customer(house, ends_on=end, method="paypal")
    house.run("remind")
    assert house.mails() == []
    house.go_to(end - 14 * DAYS)
    house.run("remind")
    house.run("remind")
    assert [kinds_of(house, of) for of in (expires, good, paypal)] == [["card_expiring"], [], []]
    text = house.sink.mails[0].get_body(("plain",))
    assert text is not None
    assert "03/2026" in text.get_content()


def test_R4b_missing_billing_details_are_asked_for_before_the_renewal(house: House) -> None:
    of = customer(house, ends_on=house.clock.today() + 14 * DAYS, country="")
    whole = customer(house, ends_on=house.clock.today() + 14 * DAYS)
    house.run("remind")
    house.run("remind")
    assert kinds_of(house, of) == ["billing_details_needed"]
    assert kinds_of(house, whole) == []
    assert house.fetch("SELECT data -> 'missing' AS missing FROM mails") == [{"missing": ["country"]}]


def test_R9b_only_one_subscription_when_told_so(house: House) -> None:
    end = house.clock.today() + 7 * DAYS
    wanted, other = customer(house, auto_renew=False, ends_on=end), customer(house, auto_renew=False, ends_on=end)
    house.run("remind", only=wanted.subscription_id)
    assert (len(kinds_of(house, wanted)), len(kinds_of(house, other))) == (1, 0)
