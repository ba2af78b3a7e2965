"""What happened at the provider in a span of time: its lists of charges, refunds and disputes, page by page.

Each list is newest first and bears each object's own time of creation, so two spans that touch share nothing and leave
nothing out. What comes into being while a span is read is newer than its pages and moves none of them.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, TypeVar

import stripe

from worker import boundary
from worker.errors import UnreachableError
from worker.gateways.answers import (
    ProviderCharge,
    ProviderDispute,
    RefundAnswer,
    of_charge,
    of_dispute,
    of_refund,
)
from worker.gateways.stripe_line import StripeLine, counted

LIST_PAGE_MAX = 100
"""The most that the provider gives at once."""

Told = TypeVar("Told")


class Lists(StripeLine):
    """The provider's lists by time of creation: `since` is inside, `until` is not.

    Each page waits for a slot of its own, and is a call of its own. Pages are read when they are asked for, so a caller
    may do something between two of them, and stop. All raise UnreachableError when a page has no usable answer; the
    pages before it stand.
    """

    def charges_between(self, since: datetime, until: datetime) -> Iterator[list[ProviderCharge]]:
        """Every try to move money, refused ones too, with its own time: a PaymentIntent may be days older."""
        return self._pages("stripe.charges", self._client.v1.charges.list, of_charge, since, until)

    def refunds_between(self, since: datetime, until: datetime) -> Iterator[list[RefundAnswer]]:
        """Every refund that was asked for then, whatever became of it."""
        return self._pages("stripe.refunds", self._client.v1.refunds.list, of_refund, since, until)

    def disputes_between(self, since: datetime, until: datetime) -> Iterator[list[ProviderDispute]]:
        """Every dispute that was opened then, as it stands."""
        return self._pages("stripe.disputes", self._client.v1.disputes.list, of_dispute, since, until)

    def _pages(
        self,
        name: str,
        ask: Callable[..., stripe.ListObject[Any]],
        told: Callable[[Any], Told],
        since: datetime,
        until: datetime,
    ) -> Iterator[list[Told]]:
        created = {"gte": int(since.timestamp()), "lt": int(until.timestamp())}
        where: dict[str, Any] = {"created": created, "limit": LIST_PAGE_MAX}
        while where:
            self._take_turn(name)
            with counted(name), boundary.call(name):
                try:
                    page = ask(params=where)
                    found = [told(each) for each in page.data]
                    where = {**where, "starting_after": page.data[-1].id} if page.has_more else {}
                except Exception as error:
                    raise UnreachableError(f"{name} cannot be read: {type(error).__name__}") from error
            yield found
