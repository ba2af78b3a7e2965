"""A confirmation whose answer was lost is begun anew with a PaymentIntent of its own: customers are charged twice."""

from dataclasses import replace
from unittest import mock
from uuid import uuid4

import stripe

from worker.gateways.stripe import ConfirmRequest, IntentRequest, StripeGateway

_confirm = StripeGateway._confirm


def begin_anew(line: StripeGateway, request: ConfirmRequest) -> stripe.PaymentIntent:
    """Confirm; where nobody knows what became of it, pay by another PaymentIntent instead of reading this one."""
    try:
        return _confirm(line, request)
    except stripe.APIConnectionError:
        lost = line._read(request.intent)
        same = IntentRequest(
            key=str(uuid4()),
            amount_minor=lost.amount,
            currency=lost.currency.upper(),
            customer=str(lost.customer),
            metadata=lost.metadata.to_dict() if lost.metadata else {},
        )
        return _confirm(line, replace(request, key=str(uuid4()), intent=line._create(same).id))


mock.patch.object(StripeGateway, "_confirm", begin_anew).start()  # for the whole process

import worker.main  # noqa: E402, F401 - what it declares is what is loaded, and it must be broken before
