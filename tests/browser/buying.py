"""A customer who has just bought: the demo's own were imported, and nobody gives back what another shop was paid."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from tests.browser.conftest import Served
from tests.support.builders import account, method
from tests.support.nights import rows, until
from tests.support.shopping import caller, wish
from worker.desk.order import order
from worker.desk.quote import quote


@dataclass(frozen=True)
class Bought:
    """Who bought, and the paper for it.

    Args:
        name: the account's id at the shop, and how its provider's ids begin.
        number: its row.
        invoice: the number on its first invoice, which is printed and mailed.
        intent: the payment at the provider.
    """

    name: str
    number: int
    invoice: str
    intent: str

    @property
    def company(self) -> str:
        """Under which it is written to."""
        return f"Újezd {self.name}"

    @property
    def email(self) -> str:
        """Where mails go."""
        return f"{self.name}@customers.example"


_PAPER = """
    SELECT i.number, c.provider_intent FROM invoices i JOIN charges c ON c.id = i.charge_id
    JOIN invoice_documents d ON d.invoice_id = i.id JOIN mails m ON m.invoice_id = i.id AND m.state = 'sent'
    WHERE i.account_id = :account
"""


def buy(served: Served) -> Bought:
    """Three agents for a month, paid by card; returns when the invoice was mailed."""
    stage, name = served.stage, f"buyer-{uuid4().hex[:8]}"
    engine = stage.runtime.engine
    number = account(engine, external_id=name, company=f"Újezd {name}", email=f"{name}@customers.example")
    method(engine, number, provider_method=f"pm_{name}")
    card = {"type": "card", "brand": "visa", "last4": "4242", "exp_year": 2099, "exp_month": 12, "script": ["ok"]}
    stage.emulator.seed([{"id": f"cus_{name}"}], [{"id": f"pm_{name}", "customer": f"cus_{name}", **card}])
    shown = quote(stage.runtime, caller(name), wish("standard", "month", 3), request_id=f"quote-{name}")
    paid = order(stage.runtime, caller(name), str(shown.result["quote"]), request_id=f"order-{name}")
    assert paid.result["outcome"] in {"paid", "pending"}, paid.result
    found: list[dict[str, Any]] = []

    def printed() -> bool:
        found[:] = rows(stage, _PAPER, account=number)
        return bool(found)

    until(printed, limit_s=60, what="the invoice was mailed")
    return Bought(name, number, str(found[0]["number"]), str(found[0]["provider_intent"]))
