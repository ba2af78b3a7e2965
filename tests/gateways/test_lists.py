"""The provider's lists by time over the emulator's wire: what they tell, their pages, their edges, their silences."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
import stripe

from tests.gateways.scripted_provider import Said, error, saying
from tests.gateways.till import ScriptedSlots, Till, open_till
from worker.errors import UnreachableError
from worker.gateways import stripe_lists
from worker.gateways.answers import ChargeStatus, DisputeStatus, ProviderCharge, RefundStatus, of_charge
from worker.gateways.stripe import RefundRequest

SECOND = timedelta(seconds=1)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_days: Iterator[int] = count(1)
CHARGE = {
    "id": "ch_1",
    "object": "charge",
    "amount": 5700,
    "amount_refunded": 0,
    "created": 1_790_000_000,
    "currency": "eur",
    "metadata": {"charge": "7"},
    "payment_intent": "pi_1",
    "status": "succeeded",
}


@pytest.fixture
def noon(till: Till) -> Iterator[datetime]:
    """A moment of the provider's clock around which nothing else happened."""
    moment = datetime(2031, 1, 1, 12, tzinfo=UTC) + next(_days) * timedelta(days=10)
    till.emulator.set_clock(moment)
    yield moment
    till.emulator.shift_clock(0)


def charges(till: Till, since: datetime, until: datetime) -> list[ProviderCharge]:
    """All pages."""
    return [one for page in till.gateway.charges_between(since, until) for one in page]


def test_a_charge_is_listed_by_its_own_time_with_our_marks_and_so_is_a_refused_one(till: Till, noon: datetime) -> None:
    customer, method = till.payer("insufficient_funds", "ok")
    intent = till.created(customer)
    till.emulator.advance_clock(3 * 86_400)
    for _ in range(2):
        till.gateway.confirm([till.attempt(intent, method)])
        till.emulator.advance_clock(60)
    paid, refused = charges(till, noon + timedelta(days=3), noon + timedelta(days=4))
    assert (refused.status, refused.intent) == (ChargeStatus.FAILED, intent)
    assert (paid.status, paid.intent, paid.metadata) == (ChargeStatus.SUCCEEDED, intent, {"charge": "7"})
    assert (paid.amount_minor, paid.refunded_minor, paid.currency) == (5700, 0, "EUR")
    assert timedelta(seconds=59) <= paid.created_at - refused.created_at <= timedelta(seconds=75)
    assert charges(till, noon, noon + timedelta(days=2)) == [], "not by the PaymentIntent's"
    till.gateway.refund([RefundRequest(till.name("r"), intent, 1200, {})])
    assert charges(till, noon + timedelta(days=3), noon + timedelta(days=4))[0].refunded_minor == 1200


def test_a_span_has_its_first_second_and_not_its_last(till: Till, noon: datetime) -> None:
    till.confirmed()
    (one,) = charges(till, noon, noon + timedelta(hours=1))
    assert charges(till, one.created_at, one.created_at + SECOND) == [one]
    assert charges(till, one.created_at - SECOND, one.created_at) == []
    assert charges(till, one.created_at + SECOND, noon + timedelta(hours=1)) == []


def test_pages_follow_one_another_each_with_a_turn_of_its_own(
    till: Till, noon: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stripe_lists, "LIST_PAGE_MAX", 2)
    slots = ScriptedSlots([])
    made = [till.confirmed()[0] for _ in range(5)][::-1]
    till.emulator.reset_statistics()
    pages = till.with_gateway(pacer=slots).gateway.charges_between(noon, noon + timedelta(hours=1))
    first = next(pages)
    assert till.asked("charges.list") == 1, "a page is read when it is asked for"
    till.confirmed()  # newer than the pages, so it moves none of them
    rest = list(pages)
    assert [one.intent for one in (*first, *(one for page in rest for one in page))] == made
    assert [len(page) for page in (first, *rest)] == [2, 2, 1]
    assert slots.reserved == [("stripe.charges", 1)] * 3


def test_refunds_and_disputes_are_listed_by_their_own_time_too(till: Till, noon: datetime) -> None:
    intent, _ = till.confirmed()
    disputed, _ = till.confirmed()
    till.emulator.advance_clock(86_400)
    till.gateway.refund([RefundRequest(till.name("r"), intent, 1200, {"payout": "9"})])
    name = till.emulator.open_dispute(disputed)
    till.emulator.close_dispute(name, "lost")
    span = (noon + timedelta(hours=23), noon + timedelta(hours=25))
    ((refund,),) = till.gateway.refunds_between(*span)
    assert (refund.intent, refund.status, refund.amount_minor) == (intent, RefundStatus.SUCCEEDED, 1200)
    assert refund.metadata == {"payout": "9"}
    assert refund.created_at is not None
    assert span[0] < refund.created_at < span[1]
    ((dispute,),) = till.gateway.disputes_between(*span)
    assert (dispute.dispute, dispute.intent, dispute.status) == (name, disputed, DisputeStatus.LOST)
    before = (noon, noon + timedelta(hours=1))
    assert [*till.gateway.refunds_between(*before), *till.gateway.disputes_between(*before)] == [[], []]


def test_what_cannot_be_read_is_said_so_and_the_pages_before_stand(till: Till, noon: datetime) -> None:
    till.confirmed()
    pages = till.gateway.charges_between(noon, noon + timedelta(hours=1))
    till.emulator.fault("error_before_execution", "charges.list")
    with pytest.raises(UnreachableError, match=r"^stripe\.charges cannot be read: APIError$"):
        next(pages)
    nowhere = open_till("http://127.0.0.1:1").gateway
    for listed in (nowhere.charges_between, nowhere.refunds_between, nowhere.disputes_between):
        with pytest.raises(UnreachableError):
            next(listed(noon, noon))


@pytest.mark.parametrize("answer", [Said(200, {"object": "list"}), Said(200, {}), error(429, "rate_limit")])
def test_an_odd_page_is_none(answer: Said) -> None:
    with saying(answer) as provider, pytest.raises(UnreachableError):
        next(open_till(provider.url).gateway.charges_between(EPOCH, EPOCH))


@pytest.mark.parametrize(
    ("told", "status"),
    [("succeeded", ChargeStatus.SUCCEEDED), ("failed", ChargeStatus.FAILED), ("unheard_of", ChargeStatus.PENDING)],
)
def test_an_unheard_of_status_is_pending_and_one_without_an_intent_has_none(told: str, status: ChargeStatus) -> None:
    values: dict[str, Any] = {**CHARGE, "status": told, "payment_intent": None}
    read = of_charge(stripe.Charge.construct_from(values, "k"))
    assert (read.status, read.intent) == (status, "")
