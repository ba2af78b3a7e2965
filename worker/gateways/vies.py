"""VIES, the EU's register of VAT numbers: one question about one number, and an answer in three words (R19).

Only what is a plain yes or a plain no is one. Everything else is unknown, with a reason: the service says many things
with HTTP 200, its states are away one by one, and "not valid" costs a customer 20 percent. Whoever gets an unknown
asks again later; nothing here repeats a question.
"""

import json
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import Any

import requests

from worker import boundary
from worker.clock import Clock, monotonic_s, sleep_s
from worker.errors import RefusedError
from worker.gateways.pacing import SlotSource
from worker.gateways.vies_rest import Rest
from worker.gateways.whole_answer import NoWholeAnswerError, read_whole

COUNTRIES = frozenset(
    "AT BE BG CY CZ DE DK EE EL ES FI FR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905 - a table
)
"""Whose numbers may be asked for. VIES knows XI too, for goods; a number of Northern Ireland proves nothing here."""

BODY_MAX = 16_384
"""Bytes of an answer; a real one has about five hundred."""

_CONNECT_TIMEOUT_S = 5.0
_NUMBER = re.compile(r"([A-Z]{2})([0-9A-Z+*]{2,18})")
_CODE = re.compile(r"[A-Z0-9_-]{1,60}")
_HTTP_OK, _HTTP_TOO_MANY, _HTTP_FAULT = 200, 429, 500


class ViesOutcome(StrEnum):
    """What became of a question."""

    VALID = "valid"
    INVALID = "invalid"
    UNKNOWN = "unknown"


class ViesReason(StrEnum):
    """Why an answer is unknown."""

    UNAVAILABLE = "unavailable"
    """The service, or the state behind it, is away or too slow."""
    OVERLOADED = "overloaded"
    """Too many ask at once, the service or the state says."""
    BLOCKED = "blocked"
    """We are not let in."""
    REQUESTER = "requester"
    """Our own number is refused; no customer is to blame, and every question will end so."""
    INPUT = "input"
    """The number is refused as none that can be asked for."""
    UNREACHABLE = "unreachable"
    """No connection, or no whole answer in time."""
    UNREADABLE = "unreadable"
    """An answer that is none of the forms that are known."""
    RESTING = "resting"
    """Not asked: the country did not answer the last times and is left alone for a while."""
    CROWDED = "crowded"
    """Not asked: too many questions for the country were waiting."""


_REASONS: Mapping[str, ViesReason] = MappingProxyType(
    {
        "INVALID_INPUT": ViesReason.INPUT,
        "VOW-ERR-11": ViesReason.INPUT,
        "INVALID_REQUESTER_INFO": ViesReason.REQUESTER,
        "SERVICE_UNAVAILABLE": ViesReason.UNAVAILABLE,
        "MS_UNAVAILABLE": ViesReason.UNAVAILABLE,
        "TIMEOUT": ViesReason.UNAVAILABLE,
        "VAT_BLOCKED": ViesReason.BLOCKED,
        "IP_BLOCKED": ViesReason.BLOCKED,
        "GLOBAL_MAX_CONCURRENT_REQ": ViesReason.OVERLOADED,
        "GLOBAL_MAX_CONCURRENT_REQ_TIME": ViesReason.OVERLOADED,
        "MS_MAX_CONCURRENT_REQ": ViesReason.OVERLOADED,
        "MS_MAX_CONCURRENT_REQ_TIME": ViesReason.OVERLOADED,
    }
)

_FAILURES = frozenset(
    {
        ViesReason.UNAVAILABLE,
        ViesReason.OVERLOADED,
        ViesReason.BLOCKED,
        ViesReason.UNREACHABLE,
        ViesReason.UNREADABLE,
    }
)
"""What the next number of the country would probably be told too."""


@dataclass(frozen=True, slots=True)
class ViesAnswer:
    """What VIES said of a number; what it proves is kept with it (R19b).

    told_at: when we had the answer, by our clock. consultation: the service's number for the question, None when it
    gave none, as without a requester. told_on_their_clock: the time that the service put into its answer, unread.
    reason, code: of an unknown; the code is the service's own word. body: the answer as it came, of a yes or a no.
    """

    outcome: ViesOutcome
    number: str
    told_at: datetime
    consultation: str | None = None
    told_on_their_clock: str | None = None
    reason: ViesReason | None = None
    code: str | None = None
    body: str | None = None


@dataclass
class _Counter:
    """A country's place to ask at."""

    room: threading.Semaphore
    rest: Rest = field(default_factory=Rest)


class Vies:
    """The way to VIES for one process; threads may share it, and its connections are made at the first call.

    Args:
        base: address of the REST API, without the last slash.
        requester: our own VAT number with its country, without which no consultation number is given; None for none.
        timeout_s: how long one answer may take as a whole; states take up to 16 seconds.
        pacer: where slots come from, one line per country; VIES wants one or two a second.
        clock: gives the time of the evidence.
        at_once: questions per country at once; VIES refuses more than a few.
        monotonic: seconds that never go back, for the pauses.
    """

    def __init__(
        self,
        base: str,
        *,
        requester: str | None,
        timeout_s: float,
        pacer: SlotSource,
        clock: Clock,
        at_once: int = 1,
        monotonic: Callable[[], float] = monotonic_s,
    ) -> None:
        self._base = base.rstrip("/")
        self._requester = None if requester is None else _split(requester)
        self._timeout_s = timeout_s
        self._pacer = pacer
        self._clock = clock
        self._monotonic = monotonic
        self._counters = {country: _Counter(threading.Semaphore(at_once)) for country in COUNTRIES}

    @cached_property
    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # proxies and passwords of the environment are no setting of ours
        session.headers["Accept"] = "application/json"
        session.headers["Accept-Encoding"] = "identity"
        session.mount("http", requests.adapters.HTTPAdapter(pool_maxsize=len(COUNTRIES)))
        return session

    def check(self, number: str) -> ViesAnswer:
        """Ask about one number. Whatever the network or the service does comes back as the answer.

        Args:
            number: with its country, such as PL5260001246; Greek ones begin with EL.

        Raises:
            RefusedError: VIES does not know numbers of this form or country.
            CallInsideTransactionError: a transaction is open.
        """
        country, rest_of_number = _split(number)
        counter = self._counters[country]
        if counter.rest.left_s(self._monotonic()):
            return self._unknown(number, ViesReason.RESTING)
        if not counter.room.acquire(timeout=self._timeout_s):
            return self._unknown(number, ViesReason.CROWDED)
        try:
            if counter.rest.left_s(self._monotonic()):  # it failed while we waited
                return self._unknown(number, ViesReason.RESTING)
            if not self._take_turn(country):
                return self._unknown(number, ViesReason.CROWDED)
            answer = self._ask(number, country, rest_of_number)
            if answer.reason in _FAILURES:
                counter.rest.failed(self._monotonic())
            elif answer.reason is None:
                counter.rest.answered()
            return answer
        finally:
            counter.room.release()

    def close(self) -> None:
        """Close the connections; the gateway is not used after it."""
        with boundary.call("vies.close"):
            self._session.close()

    def _take_turn(self, country: str) -> bool:
        """Wait for a slot; not if it is further away than an answer may be."""
        wait_s = self._pacer.reserve(f"vies.{country}", 1)[0] - monotonic_s()
        if wait_s > self._timeout_s:
            return False
        sleep_s(wait_s)
        return True

    def _ask(self, number: str, country: str, rest_of_number: str) -> ViesAnswer:
        question = {"countryCode": country, "vatNumber": rest_of_number}
        if self._requester is not None:
            question |= {"requesterMemberStateCode": self._requester[0], "requesterNumber": self._requester[1]}
        try:
            with boundary.call("vies.check"):
                status, body = self._fetch(question)
        except (requests.RequestException, NoWholeAnswerError):
            return self._unknown(number, ViesReason.UNREACHABLE)
        return self._read(number, status, body)

    def _fetch(self, question: Mapping[str, str]) -> tuple[int, bytes]:
        """Status and body."""
        deadline_s = monotonic_s() + self._timeout_s
        with self._session.post(
            f"{self._base}/check-vat-number",
            json=question,
            timeout=(min(_CONNECT_TIMEOUT_S, self._timeout_s), self._timeout_s),
            allow_redirects=False,
            stream=True,
        ) as response:
            return response.status_code, read_whole(response, deadline_s=deadline_s, bytes_max=BODY_MAX)

    def _read(self, number: str, status: int, body: bytes) -> ViesAnswer:
        """A yes or a no only from an answer that is about this number and says nothing of an error."""
        told = _object(body)
        code = _error_of(told)
        if code is not None:
            return self._unknown(number, _REASONS.get(code, ViesReason.UNREADABLE), code)
        if status == _HTTP_TOO_MANY:
            return self._unknown(number, ViesReason.OVERLOADED, f"HTTP-{status}")
        if status >= _HTTP_FAULT:
            return self._unknown(number, ViesReason.UNAVAILABLE, f"HTTP-{status}")
        about = (told.get("countryCode"), told.get("vatNumber"))
        valid = told.get("valid")
        if status != _HTTP_OK or about != _split(number) or not isinstance(valid, bool):
            return self._unknown(number, ViesReason.UNREADABLE, f"HTTP-{status}")
        return ViesAnswer(
            ViesOutcome.VALID if valid else ViesOutcome.INVALID,
            number,
            self._clock.now(),
            consultation=_text(told.get("requestIdentifier")),
            told_on_their_clock=_text(told.get("requestDate")),
            body=body.decode("utf-8", "replace"),
        )

    def _unknown(self, number: str, reason: ViesReason, code: str | None = None) -> ViesAnswer:
        return ViesAnswer(ViesOutcome.UNKNOWN, number, self._clock.now(), reason=reason, code=code)


def _split(number: str) -> tuple[str, str]:
    """Country and the rest. Raises RefusedError for what VIES does not know."""
    found = _NUMBER.fullmatch(number)
    if found is None or found[1] not in COUNTRIES:
        raise RefusedError(f"VIES knows no VAT numbers like {number[:40]!r}")
    return found[1], found[2]


def _object(body: bytes) -> dict[str, Any]:
    """The answer as an object; empty for what is none."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return told if isinstance(told, dict) else {}


def _error_of(told: Mapping[str, Any]) -> str | None:
    """The service's word for what went wrong, however it says so; None when nothing did."""
    wrappers = told.get("errorWrappers")
    first = wrappers[0] if isinstance(wrappers, list) and wrappers else wrappers
    if first or told.get("actionSucceed", True) is not True:
        word = first.get("error") if isinstance(first, dict) else None
        return word if isinstance(word, str) and _CODE.fullmatch(word) else "UNNAMED"
    return None


def _text(value: object) -> str | None:
    """A short text that was given; None for an empty one, and for what is none."""
    return value[:100] if isinstance(value, str) and value.strip() else None
