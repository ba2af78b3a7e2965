"""Methods that a customer paid with on the page: the provider saved them, and we learn of them from the payment (R5b).

The one that was paid with last is the one in use: it is what the customer chose. A brand that is not accepted is not
kept (R5), though its money is honoured: the customer is then asked for another one before the renewal.
"""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from worker import boundary
from worker.charging.outcomes import Step, Verdict
from worker.gateways.answers import ProviderMethod
from worker.runtime import Runtime
from worker.store import methods

ACCEPTED_BRANDS = frozenset({"visa", "mastercard"})


def learn_methods(runtime: Runtime, verdicts: Sequence[Verdict]) -> dict[int, ProviderMethod]:
    """What the provider knows of methods that paid orders and that we do not know yet, by charge.

    Raises:
        UnreachableError: the provider does not answer; the payment is settled at the next look.
    """
    paid = {v.charge_id: v.answer.method for v in verdicts if v.step is Step.SUCCEED and v.answer.method is not None}
    if not paid:
        return {}
    with boundary.transaction(runtime.engine, "charging.unknown_methods") as connection:
        unknown = methods.unknown_of_orders(connection, paid)
    found = {charge_id: runtime.payments.payment_method(paid[charge_id]) for charge_id in unknown}
    return {charge_id: method for charge_id, method in found.items() if method is not None and _may_be_kept(method)}


def keep_learned(connection: Connection, learned: Mapping[int, ProviderMethod]) -> None:
    """Save them, put them to use, and name them as what the charge was paid with; the accounts are locked."""
    for charge_id, method in learned.items():
        methods.learn(
            connection,
            charge_id,
            name=method.method,
            type=method.type,
            brand=method.brand,
            last4=method.last4,
            exp_month=method.exp_month,
            exp_year=method.exp_year,
        )


def _may_be_kept(method: ProviderMethod) -> bool:
    """Saved for its customer, and of a kind that is accepted."""
    if method.customer is None:
        return False
    return method.type == "paypal" or (method.type == "card" and method.brand in ACCEPTED_BRANDS)
