"""The stand-in for the bank as tests see it: what to tell it, and what it was asked."""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

import requests

from tests.support.house import House
from worker.billing.exchange import ExchangeRate
from worker.billing.vat import Seller, SellerVat
from worker.gateways.rates import DailyRates
from worker.store import exchange_rates

LIMIT_S = 5.0


@dataclass(frozen=True, slots=True)
class Bank:
    """The stand-in and its control plane."""

    url: str

    def tell(self, verb: str, said: dict[str, Any]) -> None:
        """A word of the control plane."""
        requests.post(f"{self.url}/_cnb/{verb}", json=said, timeout=LIMIT_S).raise_for_status()

    def go_to(self, instant: datetime) -> None:
        """Put its clock."""
        self.tell("clock", {"now": instant.isoformat()})

    def forget(self) -> None:
        """Put it back to its ease."""
        requests.delete(f"{self.url}/_cnb/all", timeout=LIMIT_S).raise_for_status()

    @property
    def asked(self) -> list[str]:
        """The days that were asked for, oldest first."""
        told: dict[str, list[str]] = requests.get(f"{self.url}/_cnb/asked", timeout=LIMIT_S).json()
        return told["asked"]


def register_seller(house: House, bank: Bank | None = None) -> None:
    """Let the house's seller be registered for VAT in the Czech Republic, and ask this bank for rates."""
    house.runtime = replace(
        house.runtime,
        seller=Seller("CZ", SellerVat.REGISTERED),
        home_currency="CZK",
        daily_rates=DailyRates("http://127.0.0.1:9" if bank is None else bank.url, timeout_s=2),
    )


def publish(house: House, day: date, **rates: str) -> None:
    """Write a day's rates into the store: `publish(house, day, EUR="24.315")`."""
    rows = [ExchangeRate("CNB", day, currency, 1, rate) for currency, rate in rates.items()]
    with house.engine.begin() as connection:
        exchange_rates.insert_rates(connection, rows, now=datetime(2026, 1, 1, tzinfo=UTC))
