"""Money that goes back: refunds in micro-batches, the refunds of a PaymentIntent, and disputes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import stripe

from worker import boundary, meters
from worker.errors import UnreachableError
from worker.gateways.answers import ProviderDispute, RefundAnswer, of_dispute, of_refund, of_refund_error
from worker.gateways.stripe_line import StripeLine, assert_key, counted

REFUNDS_PAGE_MAX = 100


@dataclass(frozen=True, slots=True)
class RefundRequest:
    """A part of what a PaymentIntent brought, to be given back. `key` is the idempotency key; amount in minor units."""

    key: str
    intent: str
    amount_minor: int
    metadata: dict[str, str]


class MoneyBack(StripeLine):
    """The provider's refunds and disputes."""

    def refund(self, requests: Sequence[RefundRequest]) -> list[RefundAnswer]:
        """Give money back.

        The same key and parameters give it back once, for as long as the provider remembers the key (24 hours); an
        answer that was lost longer ago is settled by `refunds_of` and the metadata.
        """
        return self._refund_each("stripe.refund", [partial(self._refund, request) for request in requests])

    def read_refunds(self, refunds: Sequence[str]) -> list[RefundAnswer]:
        """The truth about refunds; the provider allows few reads."""
        return self._refund_each("stripe.read_refund", [partial(self._read_refund, refund) for refund in refunds])

    def refunds_of(self, intent: str) -> list[RefundAnswer]:
        """All refunds of a PaymentIntent, newest first, whatever became of them.

        Raises:
            UnreachableError: no answer, or none that can be used; ask again later.
        """
        found: list[RefundAnswer] = []
        where: dict[str, Any] = {"payment_intent": intent, "limit": REFUNDS_PAGE_MAX}
        while where:
            self._take_turn("stripe.refunds_of")
            with counted("stripe.refunds_of"), boundary.call("stripe.refunds_of"):
                try:
                    page = self._client.v1.refunds.list(params=where)  # type: ignore[arg-type]  # built from what the call allows
                    found += map(of_refund, page.data)
                    where = {**where, "starting_after": page.data[-1].id} if page.has_more else {}
                except Exception as error:
                    raise UnreachableError(f"the refunds of {intent} cannot be read: {type(error).__name__}") from error
        return found

    def dispute(self, name: str) -> ProviderDispute:
        """A dispute as it stands.

        Raises:
            UnreachableError: no answer, or none that can be used; ask again later.
        """
        self._take_turn("stripe.dispute")
        with counted("stripe.dispute"), boundary.call("stripe.dispute"):
            try:
                return of_dispute(self._client.v1.disputes.retrieve(name))
            except Exception as error:
                raise UnreachableError(f"the dispute {name} cannot be read: {type(error).__name__}") from error

    def _refund(self, request: RefundRequest) -> stripe.Refund:
        assert_key(request.key)
        return self._client.v1.refunds.create(
            params={
                "payment_intent": request.intent,
                "amount": request.amount_minor,
                "metadata": request.metadata,
            },
            options={"idempotency_key": request.key},
        )

    def _read_refund(self, refund: str) -> stripe.Refund:
        return self._client.v1.refunds.retrieve(refund)

    def _refund_each(self, name: str, calls: Sequence[Callable[[], stripe.Refund]]) -> list[RefundAnswer]:
        return self._side_by_side(name, [partial(self._refund_one, name, one) for one in calls])

    def _refund_one(self, name: str, one: Callable[[], stripe.Refund], slot: float) -> RefundAnswer:
        self._keep_turn(name, slot)
        with boundary.call(name):
            try:
                answer = of_refund(one())
            except Exception as error:  # noqa: BLE001 - whatever it is, it is an answer: unknown
                answer = of_refund_error(error)
        meters.count(meters.ANSWERS, name, answer.kind.value)
        return answer
