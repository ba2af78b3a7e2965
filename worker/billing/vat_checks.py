"""When a VAT number is asked about again (R19b): while nobody knows ever more seldom, once valid each month.

The rule names monthly checks and a fresh one from 14 days before a renewal; the pauses are ours.
"""

from datetime import datetime, timedelta

MONTHLY = timedelta(days=30)
AHEAD_DAYS = 14
"""From so many days before a renewal on, its number has been asked about."""
FIRST_PAUSE = timedelta(minutes=5)
LONGEST_PAUSE = timedelta(hours=12)
NOT_ASKED_PAUSE = timedelta(minutes=10)
"""After a question that was not sent, since its country is left alone for a while."""


def ask_again_at(*, valid: bool | None, unanswered: int, told_at: datetime) -> datetime | None:
    """When to ask again after an answer; None for a number that is not valid, until somebody asks for it.

    Args:
        valid: the answer, None for an unknown one.
        unanswered: how many questions in a row had no answer before this one.
        told_at: when the answer came.
    """
    if valid is None:
        # the exponent is bounded, so that a register that is away for months makes no giant number
        doublings: int = 1 << min(unanswered, 10)
        return told_at + min(FIRST_PAUSE * doublings, LONGEST_PAUSE)
    return told_at + MONTHLY if valid else None
