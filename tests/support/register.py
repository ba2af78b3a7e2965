"""The stand-in for VIES as tests see it: what to tell it, and what it was asked."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import requests

from worker.clock import FixedClock
from worker.gateways.pacing import SlotSource, Unpaced
from worker.gateways.vies import Vies

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LIMIT_S = 5.0


def client(base: str, *, timeout_s: float = LIMIT_S, pacer: SlotSource | None = None, **more: Any) -> Vies:
    """A client whose clock stands at noon; it asks as CZ12345679 unless told otherwise."""
    settings: dict[str, Any] = {"requester": "CZ12345679"} | more
    return Vies(
        base,
        timeout_s=timeout_s,
        pacer=Unpaced() if pacer is None else pacer,
        clock=FixedClock(ZoneInfo("Europe/Prague"), NOON),
        **settings,
    )


@dataclass(frozen=True, slots=True)
class Register:
    """The stand-in and its control plane."""

    url: str

    def tell(self, verb: str, said: dict[str, Any]) -> None:
        """A word of the control plane."""
        requests.post(f"{self.url}/_vies/{verb}", json=said, timeout=LIMIT_S).raise_for_status()

    def forget(self) -> None:
        """Put it back to its ease."""
        requests.delete(f"{self.url}/_vies/all", timeout=LIMIT_S).raise_for_status()

    @property
    def heard(self) -> dict[str, Any]:
        """What it was asked, and how many questions were there at once."""
        told: dict[str, Any] = requests.get(f"{self.url}/_vies/asked", timeout=LIMIT_S).json()
        return told
