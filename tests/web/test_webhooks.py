"""Webhooks: only the provider's are kept, each once, and each merely says "look at this now"."""

import asyncio
import json
from dataclasses import replace

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tests.support.house import House
from tests.support.stories import charge_of, charges_of, customer, dying_at, minute, paid, restart, status_of
from tests.web.delivering import NEW, OLD, Provider, signed, told
from worker.clock import monotonic_s
from worker.errors import UnreachableError
from worker.gateways.stripe_webhooks import read_notice
from worker.store import inbox
from worker.web import webhooks

SUCCEEDED = "payment_intent.succeeded"
INBOX = "SELECT event_id, type, object_id, intent_id, state FROM provider_inbox ORDER BY id"
ITEMS = "SELECT key, state FROM work_items WHERE job = 'follow_payments' AND key = 'inbox' ORDER BY id"
INTENT = {"id": "pi_1", "object": "payment_intent"}


def test_R6_a_payment_that_ends_later_is_settled_by_its_webhook_without_a_minute_passing(
    house: House, provider: Provider
) -> None:
    of = customer(house, "processing:succeeded:30")
    house.run("renew")
    intent = charge_of(house, of)["provider_intent"]
    house.wait(seconds=31)
    house.emulator.reset_statistics()
    assert provider.say(SUCCEEDED, intent) == 200
    house.drain()
    assert charge_of(house, of)["state"] == "succeeded"
    assert status_of(house, of) == "active"
    assert paid(house, of) == [of.list_minor]
    counted = house.emulator.statistics()["endpoints"]
    assert counted["payment_intents.retrieve"]["requests"] == 1, "it is read back"
    assert "events.list" not in counted, "nothing was polled"
    assert [row["state"] for row in house.fetch(INBOX)] == ["handled"]


def test_R6_a_webhook_that_lies_changes_nothing(house: House, provider: Provider) -> None:
    of = customer(house, "processing:succeeded:9000")
    house.run("renew")
    before = charge_of(house, of)
    assert provider.say(SUCCEEDED, before["provider_intent"]) == 200
    house.drain()
    assert charge_of(house, of)["state"] == "processing"
    assert paid(house, of) == []


def test_R6_doubled_late_and_turned_webhooks_settle_once(house: House, provider: Provider) -> None:
    of = customer(house, "processing:succeeded:30")
    house.run("renew")
    intent = charge_of(house, of)["provider_intent"]
    house.wait(seconds=31)
    for event, type_ in (("evt_3", SUCCEEDED), ("evt_1", "payment_intent.processing"), ("evt_3", SUCCEEDED)):
        assert provider.say(type_, intent, event=event) == 200
        house.drain()
    assert provider.say(SUCCEEDED, intent, event="evt_9") == 200, "another event about the same"
    house.drain()
    minute(house, minutes=2)
    assert [row["state"] for row in charges_of(house, of)] == ["succeeded"]
    assert paid(house, of) == [of.list_minor]
    assert [row["event_id"] for row in house.fetch(INBOX)] == ["evt_3", "evt_1", "evt_9"]
    assert house.books().equal, house.books().differences


def test_many_webhooks_at_once_ring_one_item(house: House, provider: Provider) -> None:
    for n in range(20):
        assert provider.say(SUCCEEDED, f"pi_{n}", event=f"evt_{n}") == 200
    assert house.fetch(ITEMS) == [{"key": "inbox", "state": "ready"}]
    house.drain()
    assert {row["state"] for row in house.fetch(INBOX)} == {"handled"}


def test_R6_a_webhook_whose_ring_is_lost_is_found_by_the_next_minute(house: House, provider: Provider) -> None:
    provider.say(SUCCEEDED, "pi_1")
    with house.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM work_items")
    minute(house)
    assert [row["state"] for row in house.fetch(INBOX)] == ["handled"]
    assert minute(house) == [], "and is not looked for again"


@pytest.mark.parametrize("door", ["before:commit:web.webhook", "after:commit:web.webhook"])
def test_a_web_process_that_dies_is_asked_again_by_the_provider(house: House, provider: Provider, door: str) -> None:
    with dying_at(door) as passes:
        webhooks.keep(house.runtime, read_notice(told(SUCCEEDED, INTENT)))
    assert passes == [door]
    assert provider.say(SUCCEEDED, "pi_1") == 200
    assert len(house.fetch(INBOX)) == 1
    house.drain()
    assert [row["state"] for row in house.fetch(ITEMS)] == ["done"]


@pytest.mark.parametrize("side", ["before", "after"])
@pytest.mark.parametrize("step", ["commit:follow.inbox", "call:stripe.read", "commit:follow.handled"])
def test_R6_a_worker_that_dies_over_the_inbox_settles_once(
    house: House, provider: Provider, side: str, step: str
) -> None:
    of = customer(house, "processing:succeeded:30")
    house.run("renew")
    house.wait(seconds=31)
    provider.say(SUCCEEDED, charge_of(house, of)["provider_intent"])
    with dying_at(f"{side}:{step}") as passes:
        house.drain()
    assert passes
    restart(house)
    house.drain()
    assert charge_of(house, of)["state"] == "succeeded"
    assert paid(house, of) == [of.list_minor]
    assert [row["state"] for row in house.fetch(INBOX)] == ["handled"]


def test_types_that_nobody_asks_for_are_kept_and_ignored(house: House, provider: Provider) -> None:
    strange = told("customer.subscription.trial_will_end", {"id": "sub_1", "object": "subscription"})
    assert provider.deliver(strange) == 200
    assert provider.deliver(told("v2.thing.that.is.new", {"object": "thing"}, event="evt_2")) == 200
    assert [row["state"] for row in house.fetch(INBOX)] == ["ignored", "ignored"]
    assert house.fetch(ITEMS) == []


def test_R5b_of_a_webhook_only_ids_and_the_type_are_kept(house: House, provider: Provider) -> None:
    body = told(SUCCEEDED, {**INTENT, "receipt_email": "jana@example.cz", "description": "Jana"})
    assert provider.deliver(body) == 200
    kept = json.dumps(house.fetch("SELECT * FROM provider_inbox"), default=str)
    assert "pi_1" in kept
    assert "jana" not in kept.lower()


@pytest.mark.parametrize("secrets", [(OLD,), (NEW,), ("whsec_of_somebody_else", NEW)])
def test_during_a_rotation_either_secret_is_good_and_one_of_several_signatures(
    house: House, provider: Provider, secrets: tuple[str, ...]
) -> None:
    assert provider.deliver(told(SUCCEEDED, INTENT), secrets=secrets) == 200
    assert len(house.fetch(INBOX)) == 1


BODY = told(SUCCEEDED, INTENT)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "v1=" + "0" * 64,
        "t=abc,v1=" + "0" * 64,
        "t=99999999999999999999999,v1=" + "0" * 64,
        "t=1,t=2,v1=" + "0" * 64,
        "t=1780000000",
        "t=1780000000,v1=" + "0" * 64,
        "t=1780000000,v1=žluťoučký",
    ],
)
def test_a_forged_webhook_is_refused_and_nothing_is_written(house: House, provider: Provider, header: str) -> None:
    assert provider.deliver(BODY, header=header) == 400
    assert house.fetch(INBOX) == []
    assert house.fetch("SELECT 1 AS one FROM runs") == []


def test_a_signature_of_the_weaker_scheme_alone_is_none(house: House, provider: Provider) -> None:
    good = signed(BODY, at=house.clock.now().timestamp())
    assert provider.deliver(BODY, header=good.replace("v1=", "v0=")) == 400


def test_a_body_that_was_changed_under_its_signature_is_refused(house: House, provider: Provider) -> None:
    good = signed(BODY, at=house.clock.now().timestamp())
    assert provider.deliver(BODY.replace(b"pi_1", b"pi_2"), header=good) == 400
    assert provider.deliver(BODY + b" ", header=good) == 400, "the signature is over the bytes, not over what they mean"
    assert provider.deliver(BODY, header=good) == 200


def test_a_webhook_played_back_later_than_the_tolerance_is_refused(house: House, provider: Provider) -> None:
    assert provider.deliver(BODY, age_s=301) == 400
    assert provider.deliver(BODY, age_s=-302) == 400, "nor one from the future"
    assert house.fetch(INBOX) == []
    assert provider.deliver(BODY, age_s=299) == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff\xfe",
        b"[" * 100_000,
        told(SUCCEEDED, {}),
        told(SUCCEEDED, {"id": 7, "object": "payment_intent"}),
        told(SUCCEEDED, {"id": "pi_\x00", "object": "payment_intent"}),
        told(SUCCEEDED, INTENT, event="e" * 256),
        told(SUCCEEDED, INTENT, created=10**18),
    ],
    ids=range(10),
)
def test_a_signed_body_that_is_no_event_is_refused(house: House, provider: Provider, body: bytes) -> None:
    assert provider.deliver(body) == 400
    assert house.fetch(INBOX) == []


def test_an_oversized_webhook_is_refused_unread(house: House, provider: Provider) -> None:
    large = told(SUCCEEDED, {**INTENT, "description": "x" * webhooks.BODY_MAX})
    assert provider.deliver(large) == 413
    pieces = (large[n : n + 50_000] for n in range(0, len(large), 50_000))
    assert provider.client.post("/webhooks/stripe", content=pieces).status_code == 413, "without saying its length"
    assert provider.client.get("/webhooks/stripe").status_code == 405
    assert house.fetch(INBOX) == []


def test_a_webhook_that_drips_is_ended_in_time(
    house: House, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "BODY_WITHIN_S", 0.05)
    began, statuses = monotonic_s(), list[int]()

    async def receive() -> dict[str, object]:
        await asyncio.sleep(0.03)
        return {"type": "http.request", "body": b" ", "more_body": True}

    async def send(message: dict[str, object]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(int(str(message["status"])))

    path = {"path": "/webhooks/stripe", "raw_path": b"/webhooks/stripe", "query_string": b"", "root_path": ""}
    scope = {"type": "http", "method": "POST", "scheme": "http", "headers": [], **path}
    asyncio.run(provider.client.app(scope, receive, send))  # type: ignore[arg-type] # plain dicts are messages
    assert statuses == [413]
    assert monotonic_s() - began < 5
    assert house.fetch(INBOX) == []


def test_without_a_secret_no_webhook_is_taken_not_even_an_unsigned_one(house: House) -> None:
    with TestClient(Starlette(routes=webhooks.routes(house.runtime))) as client:
        header = signed(BODY, at=house.clock.now().timestamp(), secrets=("",))
        answer = client.post("/webhooks/stripe", content=BODY, headers={"Stripe-Signature": header})
        assert answer.status_code == 404
    assert house.fetch(INBOX) == []


def test_a_webhook_that_cannot_be_kept_is_asked_for_again(house: House, provider: Provider) -> None:
    away = house.runtime.engine.execution_options()
    with away.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE provider_inbox RENAME TO provider_inbox_away")
    try:
        assert provider.say(SUCCEEDED, "pi_1") == 503
    finally:
        with away.begin() as connection:
            connection.exec_driver_sql("ALTER TABLE provider_inbox_away RENAME TO provider_inbox")


def test_the_inbox_forgets_what_was_handled_long_ago(house: House, provider: Provider) -> None:
    provider.say(SUCCEEDED, "pi_1")
    provider.say(SUCCEEDED, "pi_2", event="evt_2")
    house.drain()
    with house.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE provider_inbox SET received_at = now() - interval '31 days' WHERE event_id = 'evt_1'"
        )
        inbox.handled(connection, [])
    assert [row["event_id"] for row in house.fetch(INBOX)] == ["evt_2"]


def test_while_redis_is_away_a_webhook_is_kept_all_the_same(house: House) -> None:
    class Away:
        def ring(self, *, job: str, item_id: int) -> None:
            raise UnreachableError(f"{job} {item_id}")

    runtime = replace(house.runtime, bell=Away())  # type: ignore[arg-type] # a bell that fails
    webhooks.keep(runtime, read_notice(BODY))
    house.drain()
    assert [row["state"] for row in house.fetch(INBOX)] == ["handled"]
