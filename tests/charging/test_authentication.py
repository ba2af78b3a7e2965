"""R8c: a renewal whose bank wants the customer; the mail's link, the approval, and what comes without it."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from tests.support.house import API_KEY, House
from tests.support.stories import (
    attempts_of,
    charge_of,
    customer,
    kinds_of,
    minute,
    next_days,
    paid,
    provider_says,
    status_of,
    subscription_of,
)
from worker.charging.links import sign, verify
from worker.gateways.answers import AnswerKind

LINK = "SELECT data ->> 'payment_url' AS url FROM mails WHERE kind = 'authentication_needed' AND account_id = :of"


def test_R8c_the_customer_follows_the_link_and_approves_and_the_term_is_renewed(house: House) -> None:
    of = customer(house, "authentication_required")
    house.run("renew")
    assert kinds_of(house, of) == ["authentication_needed"], "no refusal"
    charge = charge_of(house, of)
    assert (charge["state"], charge["decline_kind"], charge["next_try_on"]) == ("declined", "needs_action", None)
    url = house.fetch(LINK, of=of.account_id)[0]["url"]
    text = house.sink.mails[0].get_body(("plain",))
    assert text is not None
    assert url in text.get_content(), "the mail that went out bears the link"
    (token,) = parse_qs(urlsplit(url).query)["token"]
    links, today = house.runtime.links, house.clock.today()
    assert url.startswith(links.payment_page_url)
    assert verify(token, key=links.signing_key, today=today) == str(charge["uid"])
    house.go_to(today + timedelta(days=2))
    house.run("renew")
    house.emulator.approve_at_bank(charge["provider_intent"], api_key=API_KEY)
    assert minute(house) == ["follow_payments"]
    assert subscription_of(house, of)["status"] == "active", "R6: within the next look"
    assert paid(house, of) == [of.list_minor]
    assert len(attempts_of(house, of)) == 1, "no try of ours in between"
    assert house.books().equal, house.books().differences
    assert minute(house) == [], "nothing is open any more"


def test_R8c_without_approval_the_account_is_suspended_when_the_schedule_ends(house: House) -> None:
    of = customer(house, "authentication_required")
    for day in next_days(house, 8):
        house.run("renew")
        house.run("suspend")
        assert status_of(house, of) == ("suspended" if (day - of.ends_on).days == 7 else "past_due")
    assert provider_says(house, charge_of(house, of)["provider_intent"]) is AnswerKind.CANCELLED
    assert len(house.emulator.attempts()) == 1
    assert kinds_of(house, of) == ["authentication_needed", "suspended"]
    assert minute(house) == []


def test_R8c_a_link_is_good_for_its_charge_until_its_day_and_not_when_changed(house: House) -> None:
    today, key = house.clock.today(), "k" * 40
    token = sign(key=key, charge="one", valid_until=today)
    assert verify(token, key=key, today=today) == "one"
    assert verify(token, key=key, today=today + timedelta(days=1)) is None
    assert verify(token, key="x" * 40, today=today) is None
    for wrong in (token.replace("one", "two"), token[:-1], f"{token}x", "", "one", "one.20260315", "one.2026031x.abc"):
        assert verify(wrong, key=key, today=today) is None
    later = token.replace(f"{today:%Y%m%d}", f"{today + timedelta(days=9):%Y%m%d}")
    assert verify(later, key=key, today=today) is None
