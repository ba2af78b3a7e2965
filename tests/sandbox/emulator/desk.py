"""What a test needs to speak to the emulator: the official client, the bare wire, the control plane."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import requests
import stripe

KEY = "sk_test_emulator"
VERSION = "2026-10-28.endive"


@dataclass(frozen=True, slots=True)
class Payer:
    """A customer with one payment method."""

    customer: str
    method: str
    type: str


class Desk:
    """A running emulator."""

    def __init__(self, url: str, journal_path: Path, numbers: Iterator[int], run: str) -> None:
        self.url = url
        self.journal_path = journal_path
        self._numbers = numbers
        self._run = run
        self._session = requests.Session()
        self._session.trust_env = False
        self._clients: list[stripe.RequestsClient] = []
        self.stripe = self.client(timeout_s=10)

    def client(self, *, timeout_s: float, retries: int = 0) -> stripe.StripeClient:
        """An official client of its own."""
        http = stripe.RequestsClient(timeout=timeout_s)
        self._clients.append(http)
        return stripe.StripeClient(KEY, base_addresses={"api": self.url}, http_client=http, max_network_retries=retries)

    def close(self) -> None:
        """Close every connection."""
        self._session.close()
        for http in self._clients:
            http.close()  # type: ignore[no-untyped-call] # the client's own method lacks its types

    def name(self, prefix: str = "k") -> str:
        """Something that no other test uses."""
        return f"{prefix}_{self._run}{next(self._numbers)}"

    def control(self, method: str, path: str, content: dict[str, Any] | None = None) -> dict[str, Any]:
        """The control plane's answer, which must be a good one."""
        answer = self.raw_control(method, path, content)
        assert answer.status_code == 200, answer.text
        return cast("dict[str, Any]", answer.json())

    def raw_control(self, method: str, path: str, content: dict[str, Any] | None = None) -> requests.Response:
        """The control plane's answer, whatever it is."""
        data = None if content is None else json.dumps(content)
        return self._session.request(method, f"{self.url}/_emulator/{path}", data=data, timeout=10)

    def wire(
        self, method: str, path: str, data: str = "", *, key: str | None = None, **headers: str
    ) -> requests.Response:
        """An answer as it comes over the wire."""
        sent = {
            "Authorization": f"Bearer {KEY}",
            "Content-Type": "application/x-www-form-urlencoded",
            **headers,
        }
        if key is not None:
            sent["Idempotency-Key"] = key
        return self._session.request(method, self.url + path, data=data or None, headers=sent, timeout=10)

    def bank(self, method: str, intent: str, **given: str) -> requests.Response:
        """The bank's page."""
        url = f"{self.url}/bank/{intent}"
        if method == "GET":
            return self._session.get(url, params=given, timeout=10)
        return self._session.post(url, data=given, timeout=10)

    def payer(self, *script: str, kind: str = "card", brand: str = "visa") -> Payer:
        """A new customer with a new payment method."""
        customer, method = self.name("cus"), self.name("pm")
        seeded: dict[str, Any] = {"id": method, "customer": customer, "type": kind, "brand": brand}
        if script:
            seeded["script"] = list(script)
        self.control(
            "POST",
            "seed",
            {"customers": [{"id": customer, "email": "a@example.com"}], "payment_methods": [seeded]},
        )
        return Payer(customer, method, kind)

    def create(
        self, payer: Payer, *, amount: int = 4999, currency: str = "pln", **metadata: str
    ) -> stripe.PaymentIntent:
        """An unconfirmed PaymentIntent of that payer."""
        return self.stripe.v1.payment_intents.create(
            {
                "amount": amount,
                "currency": currency,
                "customer": payer.customer,
                "payment_method": payer.method,
                "allowed_payment_method_types": [payer.type],
                "metadata": metadata,
            },
            {"idempotency_key": self.name()},
        )

    def confirm(
        self, intent: str, *, method: str | None = None, off_session: bool = True, key: str | None = None
    ) -> stripe.PaymentIntent:
        """Confirm with a key."""
        params: stripe.params.PaymentIntentConfirmParams = {"off_session": off_session}
        if method is not None:
            params["payment_method"] = method
        return self.stripe.v1.payment_intents.confirm(intent, params, {"idempotency_key": key or self.name()})

    def declined(self, intent: str, *, method: str | None = None) -> stripe.CardError:
        """The refusal of a confirmation that must be refused."""
        try:
            paid = self.confirm(intent, method=method)
        except stripe.CardError as error:
            return error
        raise AssertionError(f"not declined but {paid.status}")

    def charges(self, intent: str) -> list[dict[str, Any]]:
        """What the journal holds of a PaymentIntent."""
        return [line for line in self.control("GET", "journal")["charges"] if line["payment_intent"] == intent]

    def kinds(self, subject: str) -> list[str]:
        """The types of the events about an object, oldest first."""
        events = self.stripe.v1.events.list({"limit": 100}).data
        return [event.type for event in reversed(events) if event.data.object["id"] == subject]
