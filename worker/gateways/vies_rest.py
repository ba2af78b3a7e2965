"""A country that does not answer is left alone for a while, and for longer each time (R19b).

Every state answers for its own numbers, some are away for hours, and who asks on is blocked. So each has a breaker
of its own: some failures one after the other open it, its pause ends with one question, and each failure then doubles
the pause.
"""

import threading
from dataclasses import dataclass, field

FAILURES_MAX = 3
"""So many failures one after the other, and the country is left alone."""
FIRST_PAUSE_S = 60.0
LONGEST_PAUSE_S = 3600.0


@dataclass
class Rest:
    """One country's breaker. Times are seconds on a clock that never goes back, handed in by the caller."""

    _failures: int = 0
    _until_s: float = 0.0
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def left_s(self, now_s: float) -> float:
        """How long the country must still be left alone, 0 when it may be asked."""
        with self._guard:
            return max(0.0, self._until_s - now_s)

    def answered(self) -> None:
        """It answered; all is forgotten."""
        with self._guard:
            self._failures = 0
            self._until_s = 0.0

    def failed(self, now_s: float) -> None:
        """It did not answer, or asked to be left alone."""
        with self._guard:
            self._failures += 1
            over = self._failures - FAILURES_MAX
            if over >= 0:
                # the exponent is bounded, so that a country that is away for weeks makes no giant number
                self._until_s = now_s + min(FIRST_PAUSE_S * 2 ** min(over, 10), LONGEST_PAUSE_S)
