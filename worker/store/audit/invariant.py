"""What an invariant is: a set-based query for what may not be, with words for whoever is told that it found some."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sqlalchemy import TextClause, text

from worker.store.exchange_rates import LACKS_ITS_RATE

_PARTS: Mapping[str, str] = {
    "{now}": "cast(:now AS timestamptz)",
    "{today}": "cast(:today AS date)",
    # by the clock that wrote business rows, and by the database's own
    "{settled}": "cast(:settled AS timestamptz)",
    "{written}": "(now() - make_interval(secs => :grace_s))",
    "{open}": "c.state NOT IN ('succeeded', 'failed', 'cancelled')",
    "{sold}": "(c.state = 'succeeded' AND c.returned_at IS NULL)",
    "{live}": "s.status IN ('active', 'past_due')",
    # a dispute that was released a moment ago leaves its account to the jobs of the next morning
    "{undisputed}": """NOT EXISTS (
        SELECT 1 FROM disputes d WHERE d.account_id = c.account_id
        AND (d.released_at IS NULL OR d.released_at > cast(:now AS timestamptz) - interval '1 day'))""",
    # a document of a registered seller waits for the rate of its day (R16)
    "{lacks_rate}": LACKS_ITS_RATE,
    "{whole}": "r.trigger IN ('timetable', 'manual') AND NOT jsonb_exists(r.selection, 'only_subscription')",
}
"""What the queries' names in braces stand for."""


@dataclass(frozen=True, slots=True)
class AsOf:
    """When the store is looked at, and what the settings say that its rows depend on.

    Args:
        now: by the clock that the jobs go by.
        today: its day in the seller's zone.
        grace: how long what follows a commit may take: paper follows money within minutes.
        notice_days: how long before the end the notice stands (R9b).
        start_year: the year that the next two are for, 0 for none (R18).
        invoice_start: the first invoice number of that year.
        credit_note_start: the first number of its credit notes.
        home_currency: of a registered seller's tax office, None for one who owes no VAT.
        rate_days: how much older than a payment its exchange rate may be.
    """

    now: datetime
    today: date
    grace: timedelta
    notice_days: int
    start_year: int = 0
    invoice_start: int = 1
    credit_note_start: int = 1
    home_currency: str | None = None
    rate_days: int = 7

    def values(self) -> dict[str, object]:
        """What the statements are given."""
        return {
            "now": self.now,
            "today": self.today,
            "settled": self.now - self.grace,
            "grace_s": self.grace.total_seconds(),
            "notice_days": self.notice_days,
            "start_year": self.start_year,
            "invoice_start": self.invoice_start,
            "credit_note_start": self.credit_note_start,
            "home_currency": self.home_currency,
            "rate_days": self.rate_days,
        }


@dataclass(frozen=True, slots=True)
class MustHold:
    """Something that must hold, in words.

    Args:
        name: what it is called on the command line, in results and in the log.
        says: what is wrong where it is broken, with the product's rule if there is one.
        means: a sentence on what a failure means.
    """

    name: str
    says: str
    means: str

    @property
    def page(self) -> str:
        """The runbook's heading that tells what to do."""
        return f"audit: {self.name}"


@dataclass(frozen=True, slots=True)
class Invariant(MustHold):
    """Something that must hold over the whole store.

    `query` finds what breaks it: id, account_id, subscription_id, and in words `what` is wrong.
    """

    query: str

    def statement(self) -> TextClause:
        """The query as it is executed: bounded, with accounts by their external id, and all violations counted."""
        query = self.query
        for name, part in _PARTS.items():
            query = query.replace(name, part)
        return text(f"""
            SELECT v.id, v.subscription_id, v.what, a.external_id AS account, count(*) OVER () AS total
            FROM ({query}) v (id, account_id, subscription_id, what) LEFT JOIN accounts a ON a.id = v.account_id
            ORDER BY v.id LIMIT :most
        """)  # noqa: S608 - queries and parts are constants, no value is put into the text


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that may not be; `account` is an external id, both may be missing where no customer is concerned."""

    id: int
    account: str | None
    subscription: int | None
    what: str


@dataclass(frozen=True, slots=True)
class Finding:
    """What asking an invariant came to: how many violations there are, and the first of them."""

    invariant: MustHold
    total: int
    violations: Sequence[Violation]

    @property
    def broken(self) -> bool:
        """Whether anything was found."""
        return self.total > 0
