"""The emulator's control plane, as the sandbox and the tests use it; plain JSON over loopback."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen


@dataclass(frozen=True, slots=True)
class Emulated:
    """A running emulator. `url` is its address without a path."""

    url: str

    def _ask(self, path: str, *, method: str = "GET", body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = Request(  # noqa: S310 - always http on loopback
            f"{self.url}/_emulator/{path}", data=data, method=method, headers={"Content-Type": "application/json"}
        )
        with urlopen(request, timeout=30) as answer:  # noqa: S310 - the same
            said = answer.read()
        return json.loads(said) if said else None

    def reset(self) -> None:
        """Make it forget everything, as if it had just been started with the same flags."""
        self._ask("reset", method="POST", body={})

    def seed(self, customers: list[dict[str, Any]], payment_methods: list[dict[str, Any]]) -> None:
        """Make customers and payment methods with given ids and scripts."""
        self._ask("seed", method="POST", body={"customers": customers, "payment_methods": payment_methods})

    def script(self, payment_method: str, *outcomes: str) -> None:
        """What the next confirmations with this method come to; the last one repeats."""
        self._ask(f"scripts/{quote(payment_method)}", method="PUT", body={"script": list(outcomes)})

    def script_refunds(self, payment_method: str, *outcomes: str) -> None:
        """What the next refunds of this method's charges come to; the last one repeats.

        Each is `ok`, `pending:succeeded:SECONDS`, `pending:failed:SECONDS` or `ok_then_failed:SECONDS`.
        """
        self._ask(f"refund_scripts/{quote(payment_method)}", method="PUT", body={"script": list(outcomes)})

    def open_dispute(self, intent: str, *, reason: str = "fraudulent") -> str:
        """The payer's bank takes the money of a paid PaymentIntent back; returns the dispute's id."""
        dispute: str = self._ask("disputes", method="POST", body={"payment_intent": intent, "reason": reason})["id"]
        return dispute

    def close_dispute(self, dispute: str, status: str) -> None:
        """The bank decides: `won` or `lost`, seen from the seller."""
        self._ask(f"disputes/{quote(dispute)}/close", method="POST", body={"status": status})

    def withhold_events(self, withheld: bool) -> None:  # noqa: FBT001 - a switch, and the name says which way
        """While it withholds, what happens makes no event that the list would ever show."""
        self._ask("events", method="PUT", body={"withheld": withheld})

    def shift_clock(self, seconds: int) -> None:
        """Set its clock so many seconds off the machine's."""
        self._ask("clock", method="PUT", body={"shift_s": seconds})

    def set_clock(self, now: datetime) -> None:
        """Set its clock to an instant, from which it runs on."""
        self._ask("clock", method="PUT", body={"now": now.isoformat()})

    def advance_clock(self, seconds: int) -> None:
        """Move its clock on."""
        self._ask("clock", method="PUT", body={"advance_s": seconds})

    def fault(self, kind: str, endpoint: str, **how: object) -> None:
        """Arm a fault: a kind of the emulator's `faults.py` at an endpoint such as payment_intents.confirm."""
        self._ask("faults", method="POST", body={"kind": kind, "endpoint": endpoint, **how})

    def no_faults(self) -> None:
        """Let nothing strike any more."""
        self._ask("faults", method="DELETE")

    def chances(self, seed: int, rates: dict[str, float], **how: object) -> None:
        """Have faults strike at random: for each kind the share of the requests."""
        self._ask("chances", method="PUT", body={"seed": seed, "rates": rates, **how})

    def chances_taken(self) -> dict[str, int]:
        """How often each kind has struck at random."""
        found: dict[str, int] = self._ask("chances")["struck"]
        return found

    def tell_events(self, *, late_s: float = 0.0, doubled: bool = False, reordered: bool = False) -> None:
        """List events so much later, twice each, or each two in the wrong order."""
        manner = {"late_s": late_s, "doubled": doubled, "reordered": reordered}
        self._ask("events/manner", method="PUT", body=manner)

    def keep(self, name: str) -> None:
        """Keep everything as it stands, to go back to it."""
        self._ask(f"kept/{name}", method="PUT")

    def go_back(self, name: str) -> None:
        """Put everything back as it was when it was kept; its clock has run on by the time that passed."""
        self._ask(f"kept/{name}", method="POST")

    def limits(self, *, per_endpoint: int | None, overall: int | None = None) -> None:
        """Switch rate limits on or off, in calls per second."""
        self._ask("limits", method="PUT", body={"per_endpoint": per_endpoint, "global": overall})

    def latency(self, milliseconds: int) -> None:
        """Answer so much later."""
        self._ask("latency", method="PUT", body={"ms": milliseconds})

    def cancel_agreement(self, payment_method: str) -> None:
        """The payer ends the PayPal agreement."""
        self._ask(f"agreements/{quote(payment_method)}/cancel", method="POST", body={})

    def journal(self) -> list[dict[str, Any]]:
        """Every charge that really happened, in order."""
        charges: list[dict[str, Any]] = self._ask("journal")["charges"]
        return charges

    def journal_refunds(self) -> list[dict[str, Any]]:
        """Every refund in the order they were made, each once, with the status it has now."""
        refunds: list[dict[str, Any]] = self._ask("journal")["refunds"]
        return refunds

    def journal_disputes(self) -> list[dict[str, Any]]:
        """Every dispute in the order they were opened, each once, with the status it has now."""
        disputes: list[dict[str, Any]] = self._ask("journal")["disputes"]
        return disputes

    def attempts(self) -> list[dict[str, Any]]:
        """Every confirmation that was executed, in order."""
        answer = self._ask("attempts")
        found: list[dict[str, Any]] = answer["attempts"] if isinstance(answer, dict) else answer
        return found

    def statistics(self) -> dict[str, Any]:
        """Requests, 429s and the busiest second per class of endpoint."""
        found: dict[str, Any] = self._ask("stats")
        return found

    def reset_statistics(self) -> None:
        """Count from zero."""
        self._ask("stats/reset", method="POST", body={})

    def approve_at_bank(self, intent: str, *, api_key: str) -> None:
        """The customer follows the link and approves on the page of the bank."""
        self._decide(intent, "decision=approve", api_key=api_key)

    def refuse_at_bank(self, intent: str, *, api_key: str) -> None:
        """The customer follows the link and refuses on the page of the bank."""
        self._decide(intent, "decision=refuse", api_key=api_key)

    def pay_on_page(self, intent: str, *, card: str, api_key: str) -> None:
        """The customer pays an open PaymentIntent on the page, with a test id such as pm_card_visa, or `paypal`."""
        self._decide(intent, f"decision=pay&payment_method={quote(card)}", api_key=api_key)

    def finish_setup(self, setup: str, *, card: str, api_key: str) -> str:
        """The customer saves a method on the page, and approves where that is wanted; returns the method's id.

        Args:
            setup: the SetupIntent.
            card: a test id such as pm_card_visa, or `paypal`.
            api_key: secret key.

        Raises:
            RuntimeError: the method was not saved.
        """
        self._decide(setup, f"decision=pay&payment_method={quote(card)}", api_key=api_key)
        now = self._shown(setup, api_key=api_key)
        if now["status"] == "requires_action":
            self._decide(setup, "decision=approve", api_key=api_key)
            now = self._shown(setup, api_key=api_key)
        if now["status"] != "succeeded":
            raise RuntimeError(f"{setup} is {now['status']}: {(now['last_setup_error'] or {}).get('message')}")
        return str(now["payment_method"])

    def _shown(self, intent: str, *, api_key: str) -> dict[str, Any]:
        """A PaymentIntent or SetupIntent as the API shows it."""
        resource = "setup_intents" if intent.startswith("seti_") else "payment_intents"
        request = Request(  # noqa: S310 - always http on loopback
            f"{self.url}/v1/{resource}/{quote(intent)}", headers={"Authorization": f"Bearer {api_key}"}
        )
        with urlopen(request, timeout=30) as answer:  # noqa: S310 - the same
            shown: dict[str, Any] = json.loads(answer.read())
        return shown

    def _decide(self, intent: str, decision: str, *, api_key: str) -> None:
        secret = self._shown(intent, api_key=api_key)["client_secret"]
        form = f"client_secret={quote(secret)}&{decision}".encode()
        with urlopen(f"{self.url}/bank/{quote(intent)}", data=form, timeout=30) as answer:  # noqa: S310 - the same
            answer.read()
