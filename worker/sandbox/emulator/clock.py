"""The emulator's own clock: the machine's time plus a shift that the control plane moves."""

import time
from datetime import UTC, datetime


class Clock:
    """Runs in real time from wherever it was put. May be moved back as well."""

    def __init__(self) -> None:
        self.shift_s = 0.0

    def now_s(self) -> float:
        """Seconds since 1970 on the emulator's clock."""
        return machine_s() + self.shift_s

    def now(self) -> int:
        """Whole seconds since 1970, as Stripe stamps its objects."""
        return int(machine_s() + self.shift_s)

    def put_to(self, instant: datetime) -> None:
        """Make `instant` the present; one without an offset is taken as UTC."""
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=UTC)
        self.shift_s = instant.timestamp() - machine_s()

    def iso(self) -> str:
        """The present, in ISO 8601 with microseconds, UTC."""
        return datetime.fromtimestamp(self.now_s(), UTC).isoformat()


def machine_s() -> float:
    """Seconds since 1970 on the machine's clock."""
    return time.time()  # noqa: TID251 - the emulator has its own clock and may not import the product's


def monotonic_s() -> float:
    """Seconds on a clock that never goes back, for rates in real time."""
    return time.monotonic()
