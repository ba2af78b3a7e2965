"""From which day money may move: nobody is charged by surprise for a term that ended before an import."""

from dataclasses import dataclass
from datetime import date, timedelta

from worker.errors import RefusedError


@dataclass(frozen=True, slots=True)
class GoLive:
    """The decision for one import.

    record_on: what the installation remembers; no money job runs for an earlier date.
    live_from: of the rows of this import, terms that ended before this day begin as suspended.
    moved: another date stood, and nothing had run by it.
    """

    record_on: date
    live_from: date
    moved: bool = False


def decide(
    *, asked_on: date | None, recorded_on: date | None, today: date, has_run: bool, catch_up_days: int
) -> GoLive:
    """The dates of an import.

    Args:
        asked_on: what the operator asked for, None for the usual: today.
        recorded_on: what an earlier import set, None if none did.
        today: the real day in the seller's zone.
        has_run: whether any job has run.
        catch_up_days: how far back jobs catch up.

    Raises:
        RefusedError: the date lies further back than jobs catch up, or another one stands and jobs have run.
    """
    if asked_on is None:
        record_on = today if recorded_on is None else recorded_on
        return GoLive(record_on, max(record_on, today))
    earliest = today - timedelta(days=catch_up_days)
    if asked_on < earliest:
        raise RefusedError(
            f"go-live {asked_on} lies too far back: jobs catch up {catch_up_days} days, to {earliest} at most"
        )
    moved = recorded_on is not None and recorded_on != asked_on
    if moved and has_run:
        raise RefusedError(
            f"go-live {asked_on}: this installation went live on {recorded_on} and jobs have run since, "
            "so the date stands; leave it out"
        )
    return GoLive(asked_on, asked_on, moved)
