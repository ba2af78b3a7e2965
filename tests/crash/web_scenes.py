"""Scenes of the machine-facing half of the web process: a webhook comes, a scraper and a probe look."""

from dataclasses import replace

from starlette.applications import Starlette
from starlette.testclient import TestClient

from tests.crash.scenes import Made, nothing, of_other
from tests.support.house import House
from tests.support.stories import customer
from tests.web.delivering import NEW, signed, told
from worker import meters
from worker.queue import metering
from worker.web import health, metrics, webhooks


def _processing(house: House) -> Made:
    customer(house, "processing:succeeded:30")
    house.run("renew")
    house.wait(seconds=31)
    return str(house.fetch("SELECT provider_intent AS x FROM charges")[0]["x"])


@of_other("web", _processing)
def a_webhook_comes_and_is_looked_into(house: House, made: Made) -> object:
    """The provider tells of a payment that ended; who died before the answer is told again, and settles once."""
    keys = replace(house.runtime.door_keys, webhook_secrets=(NEW,))
    body = told("payment_intent.succeeded", {"id": made, "object": "payment_intent"})
    header = signed(body, at=house.clock.now().timestamp())
    with TestClient(Starlette(routes=webhooks.routes(replace(house.runtime, door_keys=keys)))) as client:
        answer = client.post("/webhooks/stripe", content=body, headers={"Stripe-Signature": header})
    assert answer.status_code == 200, answer.text
    house.drain()
    return nothing(house)


@of_other("web", lambda house: customer(house) and None)
def a_scraper_and_a_probe_look(house: House, made: Made) -> object:
    """Counts are added up, and everything is measured; who dies there has changed no business."""
    del made
    metering.begin()
    meters.count(meters.WEBHOOKS, "kept")
    with TestClient(Starlette(routes=[*health.routes(house.runtime), *metrics.routes(house.runtime)])) as client:
        for page in ("/readyz", "/metrics"):
            client.get(page)
    metering.end()
    return nothing(house)
