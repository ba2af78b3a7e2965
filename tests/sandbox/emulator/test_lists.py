"""Lists, their cursors and filters, and the 30 days of events."""

from typing import Any

import pytest
import stripe

from tests.sandbox.emulator.desk import Desk
from worker.sandbox.emulator.errors import ApiError
from worker.sandbox.emulator.shelf import Shelf, page


def test_a_customers_intents_come_newest_first_page_by_page(desk: Desk) -> None:
    payer = desk.payer()
    made = [desk.create(payer).id for _ in range(7)][::-1]
    desk.create(desk.payer())
    listed = desk.stripe.v1.payment_intents.list({"customer": payer.customer, "limit": 3})
    assert ([each.id for each in listed.data], listed.has_more) == (made[:3], True)
    assert [each.id for each in listed.auto_paging_iter()] == made
    older = desk.stripe.v1.payment_intents.list(
        {"customer": payer.customer, "starting_after": made[4], "limit": 5, "expand": ["data.customer"]}
    )
    assert ([each.id for each in older.data], older.has_more) == (made[5:], False)
    assert isinstance(older.data[0].customer, stripe.Customer)
    newer = desk.stripe.v1.payment_intents.list({"customer": payer.customer, "ending_before": made[5], "limit": 2})
    assert ([each.id for each in newer.data], newer.has_more) == (made[3:5], True)


def test_created_filters_and_nothing_filters_by_metadata(desk: Desk) -> None:
    payer = desk.payer()
    first = desk.create(payer)
    desk.control("PUT", "clock", {"advance_s": 3600})
    second = desk.create(payer)
    for bounds, expected in (
        ({"gte": first.created}, [second.id, first.id]),
        ({"gt": first.created}, [second.id]),
        ({"lt": second.created}, [first.id]),
        ({"gte": first.created, "lte": second.created}, [second.id, first.id]),
        ({"gte": second.created + 1}, []),
    ):
        params: Any = {"customer": payer.customer, "created": bounds}
        assert [each.id for each in desk.stripe.v1.payment_intents.list(params).data] == expected
    answer = desk.wire("GET", f"/v1/payment_intents?customer={payer.customer}&metadata[a]=b")
    assert answer.json()["error"]["code"] == "parameter_unknown"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "parameter_invalid_integer"),
        ("limit=101", "parameter_invalid_integer"),
        ("starting_after=pi_nothing", "resource_missing"),
        ("ending_before=pi_nothing", "resource_missing"),
        ("created[about]=5", "parameter_unknown"),
    ],
)
def test_a_wrong_page_is_refused(desk: Desk, query: str, code: str) -> None:
    answer = desk.wire("GET", f"/v1/payment_intents?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)


def test_events_are_polled_from_a_cursor_oldest_page_first(desk: Desk) -> None:
    payer = desk.payer()
    desk.confirm(desk.create(payer).id)
    cursor = desk.stripe.v1.events.list({"limit": 1}).data[0].id
    made = []
    for _ in range(5):
        made.append(desk.create(payer).id)
        desk.confirm(made[-1])
    seen: list[str] = []
    while True:
        found = desk.stripe.v1.events.list(
            {
                "types": ["payment_intent.succeeded", "payment_intent.payment_failed"],
                "ending_before": cursor,
                "limit": 2,
            }
        )
        seen += [event.data.object["id"] for event in reversed(found.data)]
        if not found.data:
            break
        cursor = found.data[0].id
        assert found.has_more == (len(seen) < len(made))
    assert seen == made


def test_an_event_tells_the_object_as_it_was_and_who_asked(desk: Desk) -> None:
    intent = desk.create(desk.payer())
    key = desk.name()
    desk.confirm(intent.id, key=key)
    created, paid = [
        desk.stripe.v1.events.list({"type": kind, "limit": 1}).data[0]
        for kind in ("payment_intent.created", "payment_intent.succeeded")
    ]
    assert created.data.object["status"] == "requires_confirmation"
    assert (paid.data.object["id"], paid.data.object["status"]) == (intent.id, "succeeded")
    assert paid.request is not None
    assert paid.request.idempotency_key == key
    assert desk.stripe.v1.events.retrieve(paid.id).api_version == "2026-10-28.endive"
    wild = desk.stripe.v1.events.list({"type": "payment_intent.*", "limit": 2}).data
    assert [event.id for event in wild] == [paid.id, created.id]


def test_types_are_twenty_at_most_and_exclude_type(desk: Desk) -> None:
    many = "&".join(f"types[]=t{number}" for number in range(21))
    assert desk.wire("GET", f"/v1/events?{many}").status_code == 400
    assert desk.wire("GET", "/v1/events?types[]=a&type=b").status_code == 400
    assert desk.wire("GET", "/v1/events?types[]=nothing").json()["data"] == []


def test_events_are_gone_after_30_days(desk: Desk) -> None:
    intent = desk.create(desk.payer())
    (event,) = [e for e in desk.stripe.v1.events.list({"limit": 3}).data if e.data.object["id"] == intent.id]
    desk.control("PUT", "clock", {"advance_s": 30 * 86_400 - 60})
    assert desk.stripe.v1.events.retrieve(event.id).id == event.id
    desk.control("PUT", "clock", {"advance_s": 120})
    assert desk.wire("GET", f"/v1/events/{event.id}").status_code == 404
    assert desk.kinds(intent.id) == []
    stale = desk.wire("GET", f"/v1/events?ending_before={event.id}")
    assert (stale.status_code, stale.json()["error"]["code"]) == (400, "resource_missing")
    assert desk.stripe.v1.payment_intents.retrieve(intent.id).id == intent.id


def test_a_clock_that_was_moved_back_does_not_hide_anything() -> None:
    shelf = Shelf()
    for number, created in enumerate([100, 200, 50, 300]):
        shelf.add(f"x{number}", number=number, created=created)
    assert page([shelf], {"created": (60, 250)}, lambda _name: None, what="x") == (["x1", "x0"], False)
    assert page([shelf], {"limit": 2}, lambda _name: None, what="x") == (["x3", "x2"], True)


def test_one_cursor_at_a_time() -> None:
    with pytest.raises(ApiError):
        page([Shelf()], {"starting_after": "a", "ending_before": "b"}, lambda _name: 1, what="x")


def test_charges_come_newest_first_refused_ones_too_by_intent_and_their_own_time(desk: Desk) -> None:
    payer = desk.payer("insufficient_funds", "ok", "ok")
    tried, other = desk.create(payer, mark="a"), desk.create(payer)
    desk.declined(tried.id)
    desk.control("PUT", "clock", {"advance_s": 3600})
    paid = desk.confirm(tried.id, method=payer.method)
    later = desk.confirm(other.id)
    listed = desk.stripe.v1.charges.list({"payment_intent": tried.id}).data
    assert [(each.status, each.metadata.to_dict()) for each in listed] == [
        ("succeeded", {"mark": "a"}),
        ("failed", {"mark": "a"}),
    ]
    assert listed[0].id == paid.latest_charge
    assert 3600 <= listed[0].created - listed[1].created < 3660
    of_all: Any = {"created": {"gte": listed[0].created}, "limit": 1}
    newest = desk.stripe.v1.charges.list(of_all)
    assert ([each.id for each in newest.data], newest.has_more) == ([later.latest_charge], True)
    next_page: Any = {**of_all, "starting_after": newest.data[0].id}
    older = desk.stripe.v1.charges.list(next_page)
    assert ([each.id for each in older.data], older.has_more) == ([paid.latest_charge], False)
    whole: Any = {**of_all, "expand": ["data.payment_intent"]}
    expanded = desk.stripe.v1.charges.list(whole).data[0]
    assert isinstance(expanded.payment_intent, stripe.PaymentIntent)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("starting_after=ch_nothing", "resource_missing"),
        ("payment_intent=pi_nothing", "resource_missing"),
        ("customer=cus_1", "emulator_unsupported"),
        ("metadata[mark]=a", "parameter_unknown"),
    ],
)
def test_a_wrong_page_of_charges_is_refused(desk: Desk, query: str, code: str) -> None:
    answer = desk.wire("GET", f"/v1/charges?{query}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, code)
