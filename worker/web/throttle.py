"""The login's rate limit: counted in PostgreSQL for all processes, and what is shut is refused without asking it."""

import threading
from collections import OrderedDict
from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address

from sqlalchemy import Engine

from worker import boundary
from worker.store.console import people

_REMEMBERED = 10_000
_NETWORK_OF_ONE = 64
"""An IPv6 customer has a whole /64 of addresses."""


class Throttle:
    """Counts tries per name and per address.

    Args:
        tries_max: tries of one subject before it is shut.
        minutes: how long tries are counted, and a subject stays shut.
    """

    def __init__(self, tries_max: int, minutes: int) -> None:
        self._tries_max = tries_max
        self._minutes = minutes
        self._shut: OrderedDict[str, datetime] = OrderedDict()
        self._lock = threading.Lock()

    def admits(self, engine: Engine, *, address: str, name: str, now: datetime) -> bool:
        """Count a try; False when the address or the name had too many."""
        if self.is_shut(address=address, name=name, now=now):
            return False
        subjects = self.subjects(address=address, name=name)
        with boundary.transaction(engine, "web.knock") as connection:
            counted = people.knock(connection, subjects, now=now, minutes=self._minutes)
        over = [row for row in counted if row.tries > self._tries_max]
        with self._lock:
            for row in over:
                self._shut[row.subject] = row.since + timedelta(minutes=self._minutes)
            while len(self._shut) > _REMEMBERED:
                self._shut.popitem(last=False)
        return not over

    def is_shut(self, *, address: str, name: str, now: datetime) -> bool:
        """Whether this process knows already that the try is refused; asks nobody and waits for nobody."""
        subjects = self.subjects(address=address, name=name)
        with self._lock:
            return any(now < self._shut[one] for one in subjects if one in self._shut)

    def subjects(self, *, address: str, name: str) -> list[str]:
        """What a try is counted for."""
        return [f"address:{_network(address)}", f"name:{name.strip().lower()[:64]}"]


def _network(address: str) -> str:
    try:
        found = ip_address(address)
    except ValueError:
        return "unknown"
    if isinstance(found, IPv6Address):
        return f"{IPv6Address(int(found) >> _NETWORK_OF_ONE << _NETWORK_OF_ONE)}/{_NETWORK_OF_ONE}"
    return str(found)
