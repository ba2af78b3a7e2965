"""Idempotency keys: the first answer is kept for 24 hours and replayed byte for byte; then it is forgotten.

Forgotten means forgotten: the same key then executes again, and charges again. That is Stripe's truth.
"""

from collections import deque
from dataclasses import dataclass, field

from worker.sandbox.emulator.clock import Clock
from worker.sandbox.emulator.errors import CONFLICT, VALIDATION, ApiError, invalid

KEPT_S = 24 * 3600
MAX_LENGTH = 255


@dataclass(slots=True)
class Answer:
    """An answer as it goes over the wire."""

    status: int
    body: bytes
    kept: bool
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Held:
    """A key in use: in flight until it has an answer."""

    key: str
    fingerprint: bytes
    request_id: str
    since: int
    answer: Answer | None = None


class Keys:
    """The keys of the one account that the emulator plays; their scope is the account, not the endpoint."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[str, Held] = {}
        self._oldest: deque[Held] = deque()

    def begin(self, key: str, fingerprint: bytes, request_id: str) -> Held:
        """The key's entry: fresh (no answer yet) for a first request, with its answer for a repeat.

        Raises:
            ApiError: 400 when the key was used with other parameters or at another endpoint, 409 while the
                first request with it is in flight.
        """
        if len(key) > MAX_LENGTH:
            raise invalid(f"Idempotency keys take up to {MAX_LENGTH} characters.")
        now = self._clock.now()
        self._prune(now)
        held = self._held.get(key)
        if held is None or (held.answer is not None and now - held.since >= KEPT_S):
            held = Held(key, fingerprint, request_id, now)
            self._held[key] = held
            self._oldest.append(held)
            return held
        if held.fingerprint != fingerprint:
            raise ApiError(
                VALIDATION,
                "Keys for idempotent requests can only be used with the same parameters they were first used "
                f"with. Try using a key other than '{key}' if you meant to execute a different request.",
                kind="idempotency_error",
                started=False,
            )
        if held.answer is None:
            raise ApiError(
                CONFLICT,
                f"There is currently another in-progress request using this Idempotent Key: {key}. "
                "Please try again later.",
                code="idempotency_key_in_use",
                started=False,
            )
        return held

    def finish(self, held: Held, answer: Answer) -> None:
        """The request is over: keep its answer, or forget the key when execution never began."""
        if answer.kept:
            held.answer = answer
        elif self._held.get(held.key) is held:
            del self._held[held.key]

    def _prune(self, now: int) -> None:
        for _ in range(2):
            if not self._oldest:
                return
            eldest = self._oldest[0]
            current = self._held.get(eldest.key) is eldest
            if current and (eldest.answer is None or now - eldest.since < KEPT_S):
                return
            if current:
                del self._held[eldest.key]
            self._oldest.popleft()
