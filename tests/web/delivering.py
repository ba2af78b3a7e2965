"""A house with a web process around it: no server, the application is called as a server would call it."""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from tests.support.house import House
from worker.web import webhooks

OLD, NEW = "whsec_old_only_for_tests", "whsec_new_only_for_tests"


def signed(body: bytes, *, at: float, secrets: tuple[str, ...] = (NEW,)) -> str:
    """The provider's header for these bytes."""
    made = [hmac.new(one.encode(), f"{int(at)}.".encode() + body, hashlib.sha256).hexdigest() for one in secrets]
    return ",".join([f"t={int(at)}", *(f"v1={one}" for one in made), "v0=0000"])


def told(type: str, subject: Mapping[str, Any], *, event: str = "evt_1", created: int = 1_780_000_000) -> bytes:  # noqa: A002 - the provider's word
    """The body of a webhook."""
    return json.dumps(
        {
            "id": event,
            "object": "event",
            "type": type,
            "created": created,
            "api_version": "2026-10-28.endive",
            "data": {"object": dict(subject)},
        }
    ).encode()


@dataclass
class Provider:
    """Delivers webhooks to the house's own web process."""

    house: House
    client: TestClient

    def deliver(
        self, body: bytes, *, secrets: tuple[str, ...] = (NEW,), age_s: float = 0, header: str | None = None
    ) -> int:
        """Deliver these bytes; returns the status of the answer."""
        at = self.house.clock.now().timestamp() - age_s
        signature = signed(body, at=at, secrets=secrets) if header is None else header
        answer = self.client.post("/webhooks/stripe", content=body, headers={b"Stripe-Signature": signature.encode()})
        return answer.status_code

    def say(self, type: str, intent: str, *, event: str = "evt_1") -> int:  # noqa: A002 - the provider's word
        """Deliver a sound event about a PaymentIntent."""
        return self.deliver(told(type, {"id": intent, "object": "payment_intent"}, event=event))


@pytest.fixture
def provider(house: House) -> Iterator[Provider]:
    """The provider, which signs with the newer of two secrets."""
    keys = replace(house.runtime.door_keys, webhook_secrets=(OLD, NEW))
    house.runtime = replace(house.runtime, door_keys=keys)
    with TestClient(Starlette(routes=webhooks.routes(house.runtime))) as client:
        yield Provider(house, client)
