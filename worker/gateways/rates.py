"""The Czech National Bank's daily exchange rates: one question about one day, and an answer in three words.

The bank publishes a list after 14:30 of each working day and answers for a day without one with the last list before
it. Nothing here repeats a question; whoever gets no list asks again later.
"""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import cached_property

import requests

from worker import boundary
from worker.clock import monotonic_s
from worker.errors import RefusedError
from worker.gateways.rate_lists import BYTES_MAX, PublishedList, read_json
from worker.gateways.whole_answer import NoWholeAnswerError, read_whole

_CONNECT_TIMEOUT_S = 5.0
_HTTP_OK = 200


class RatesOutcome(StrEnum):
    """What became of a question."""

    LIST = "list"
    """The list of that very day."""
    NOTHING_YET = "nothing_yet"
    """That day has no list, or not yet; the last one before it may be told."""
    FAILED = "failed"
    """No answer, or none that can be believed."""


@dataclass(frozen=True, slots=True)
class RatesAnswer:
    """The answer about a day.

    published: of LIST and, unless the bank knows none, of NOTHING_YET. problem: of FAILED, in words for an operator.
    """

    outcome: RatesOutcome
    published: PublishedList | None = None
    problem: str | None = None


class DailyRates:
    """The way to the bank for one process; its connection is made at the first call.

    Args:
        base: address of the API, without the last slash.
        timeout_s: how long one answer may take as a whole.
    """

    def __init__(self, base: str, *, timeout_s: float) -> None:
        self._base = base.rstrip("/")
        self._timeout_s = timeout_s

    @cached_property
    def _session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False  # proxies and passwords of the environment are no setting of ours
        session.headers["Accept"] = "application/json"
        session.headers["Accept-Encoding"] = "identity"
        return session

    def of(self, day: date) -> RatesAnswer:
        """Ask for the list that holds on a day. Whatever network or bank do comes back as the answer.

        Raises:
            CallInsideTransactionError: a transaction is open.
        """
        try:
            with boundary.call("rates.daily"):
                status, body = self._fetch(day)
        except NoWholeAnswerError:
            return _failed(f"no whole answer within {self._timeout_s:g} s and {BYTES_MAX:,} bytes")
        except requests.RequestException as error:
            return _failed(f"{self._base} does not answer: {type(error).__name__}")
        if status != _HTTP_OK:
            return _failed(f"{self._base} answers with HTTP {status}")
        try:
            published = read_json(body.decode("utf-8", "replace"))
        except RefusedError as error:
            return _failed(f"{self._base} answers with no list of rates: {error}")
        if published is None:
            return RatesAnswer(RatesOutcome.NOTHING_YET)
        if published.published_on > day:
            return _failed(f"asked for {day}, {self._base} answers with the list of {published.published_on}")
        of_that_day = published.published_on == day
        return RatesAnswer(RatesOutcome.LIST if of_that_day else RatesOutcome.NOTHING_YET, published)

    def close(self) -> None:
        """Close the connection; the gateway is not used after it."""
        with boundary.call("rates.close"):
            self._session.close()

    def _fetch(self, day: date) -> tuple[int, bytes]:
        """Status and body."""
        deadline_s = monotonic_s() + self._timeout_s
        with self._session.get(
            f"{self._base}/exrates/daily",
            params={"date": day.isoformat(), "lang": "EN"},
            timeout=(min(_CONNECT_TIMEOUT_S, self._timeout_s), self._timeout_s),
            allow_redirects=False,
            stream=True,
        ) as response:
            return response.status_code, read_whole(response, deadline_s=deadline_s, bytes_max=BYTES_MAX)


def _failed(problem: str) -> RatesAnswer:
    return RatesAnswer(RatesOutcome.FAILED, problem=problem)
