"""Payment methods: attached after the provider has vouched for them, put to use, removed (R5, R5b, R8b).

The provider is asked before the account is locked and told after the commit, never in between.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection

from worker import boundary
from worker.billing.states import LIVE
from worker.charging.letters import Rung
from worker.desk.customers_at_provider import ensure_customer
from worker.desk.request import Ask, Caller, Done, account_of, done_before, noted, perform
from worker.errors import ActRefusedError
from worker.gateways.answers import ProviderMethod
from worker.queue.plans import Claimed, in_items
from worker.queue.runs import lock_planning, ring
from worker.runtime import Runtime
from worker.store import desk, methods

ACCEPTED = "Visa and Mastercard cards, and PayPal, are accepted"
_BRANDS = frozenset({"visa", "mastercard"})
_NAMES = {"amex": "American Express", "diners": "Diners Club", "jcb": "JCB", "unionpay": "UnionPay"}
_METHOD = re.compile(r"pm_[A-Za-z0-9_]{1,100}")


@dataclass(frozen=True, slots=True)
class MethodSetUp:
    """A method that the customer is about to save on a page. The secret is for that page, and is kept nowhere."""

    setup: str
    client_secret: str = field(repr=False)
    repeated: bool


def set_up_method(runtime: Runtime, caller: Caller, *, request_id: str, reason: str | None = None) -> MethodSetUp:
    """Let the customer save a method on a page of the provider; `attach_method` then takes it up.

    The same request asks the provider again under the same key, which gives the same answer for a day.

    Raises:
        ActRefusedError: there is no such account, or the request id was used for something else.
        ProviderRefusedError: the provider refuses to make a customer or the SetupIntent.
        UnreachableError: the provider does not answer; the same request may be sent again.
    """
    ask = Ask(caller, "method_set_up", request_id, reason=reason)
    with noted(runtime, ask):
        with boundary.transaction(runtime.engine, "desk.method") as connection:
            account = account_of(connection, ask, lock=False)
            done_before(connection, ask, account)
        customer = ensure_customer(runtime, account)
        named = hashlib.sha256(f"{caller.account_external_id}\n{request_id}".encode()).hexdigest()
        made = runtime.payments.set_up(key=f"setup:{named}", customer=customer)
        done = perform(runtime, ask, partial(_note_setup, made.setup))
    return MethodSetUp(made.setup, made.client_secret, repeated=done.repeated)


def attach_method(
    runtime: Runtime, caller: Caller, method: str, *, use: bool = True, request_id: str, reason: str | None = None
) -> Done:
    """Save a method that the customer gave the provider, by its id there; by default it is the one in use from now.

    Raises:
        ActRefusedError: the provider does not know it, it is another customer's, or of a kind that is not accepted.
        UnreachableError: the provider does not answer; the same request may be sent again.
    """
    ask = Ask(caller, "method_attach", request_id, {"method": method, "use": use}, reason)
    with noted(runtime, ask):
        _demand_shape(method)
        with boundary.transaction(runtime.engine, "desk.method") as connection:
            account = account_of(connection, ask, lock=False)
            before = done_before(connection, ask, account)
            customer: str | None = desk.standing(connection, account).provider_customer
        if before is not None:
            return before
        vouched = _vouched(runtime, method, customer)
        return perform(runtime, ask, partial(_attach, runtime, vouched, use=use))


def use_method(runtime: Runtime, caller: Caller, method: str, *, request_id: str, reason: str | None = None) -> Done:
    """Make a saved method the one in use. Raises ActRefusedError: the account has no such method."""
    ask = Ask(caller, "method_use", request_id, {"method": method}, reason)
    with noted(runtime, ask):
        _demand_shape(method)
        return perform(runtime, ask, partial(_use, runtime, method))


def remove_method(runtime: Runtime, caller: Caller, method: str, *, request_id: str, reason: str | None = None) -> Done:
    """Remove a method, and have the provider forget it.

    Raises:
        ActRefusedError: no such method, in use while renewal is on, or a payment with it is under way.
        UnreachableError: it is removed here and the provider does not answer; the same request asks it again.
    """
    ask = Ask(caller, "method_remove", request_id, {"method": method}, reason)
    with noted(runtime, ask):
        _demand_shape(method)
        done = perform(runtime, ask, partial(_remove, method))
    runtime.payments.detach(method)
    return done


def _demand_shape(method: str) -> None:
    if not _METHOD.fullmatch(method):
        # not repeated: if it is a card's number, nobody may see it (R5b)
        raise ActRefusedError("method_id", "that is no id of a payment method: give the provider's, such as pm_...")


def _vouched(runtime: Runtime, method: str, customer: str | None) -> ProviderMethod:
    """What the provider knows of a method that this customer may pay with, saved there."""
    if customer is None:
        raise ActRefusedError(
            "no_customer", "the payment provider does not know the account yet: enter the method on its page first"
        )
    found = runtime.payments.payment_method(method)
    if found is None:
        raise ActRefusedError("method_unknown", "the payment provider does not know this method: enter it again")
    if found.type not in {"card", "paypal"} or (found.type == "card" and found.brand not in _BRANDS):
        kind = found.brand if found.type == "card" else found.type
        name = _NAMES.get(kind or "", kind)
        raise ActRefusedError("method_not_accepted", f"{name} is not accepted; {ACCEPTED}: please enter one of these")
    if found.customer not in {None, customer}:
        raise ActRefusedError("method_of_another", "this method belongs to another customer: enter one of your own")
    if found.customer is None:
        found = runtime.payments.attach(method, customer=customer)
    if found is None:
        raise ActRefusedError("method_refused", f"the bank refuses this method: try another one; {ACCEPTED}")
    return found


def _note_setup(setup: str, connection: Connection, account: int, rung: Rung) -> Mapping[str, object]:
    del connection, account, rung
    return {"setup": setup}


def _attach(
    runtime: Runtime, vouched: ProviderMethod, connection: Connection, account: int, rung: Rung, *, use: bool
) -> Mapping[str, object]:
    methods.keep(
        connection,
        account,
        name=vouched.method,
        type=vouched.type,
        brand=vouched.brand,
        last4=vouched.last4,
        exp_month=vouched.exp_month,
        exp_year=vouched.exp_year,
    )
    _own(connection, account, vouched.method)
    shown = {"method": vouched.method, "type": vouched.type, "brand": vouched.brand, "last4": vouched.last4}
    tried = _use(runtime, vouched.method, connection, account, rung) if use else {"in_use": False}
    return {**shown, **tried}


def _use(runtime: Runtime, method: str, connection: Connection, account: int, rung: Rung) -> Mapping[str, object]:
    methods.put_to_use(connection, account, _own(connection, account, method))
    lock_planning(connection)
    charges = desk.charges_for_new_method(connection, account)
    rung.items += ring(
        connection,
        job="renew",
        items=in_items(charges, size=max(len(charges), 1), claims=Claimed.CHARGES, prefix="charges"),
        business_date=runtime.clock.today(),
        root_run_id=None,
        by="desk",
    )
    return {"method": method, "in_use": True, "charges_tried_now": len(charges)}


def _remove(method: str, connection: Connection, account: int, rung: Rung) -> Mapping[str, object]:
    del rung
    number = _own(connection, account, method)
    row = desk.standing(connection, account)
    if row.method_id == number and row.auto_renew and row.status in LIVE:
        raise ActRefusedError(
            "method_in_use", "this method pays the renewal: put another one to use first, or switch renewal off"
        )
    desk.lock_open_charges(connection, account)
    if methods.pays_right_now(connection, number):
        raise ActRefusedError(
            "payment_under_way", "a payment is being made with this method: try again in a few minutes"
        )
    methods.remove(connection, number)
    return {"method": method, "removed": True}


def _own(connection: Connection, account: int, method: str) -> int:
    """The number of the account's method. Raises ActRefusedError when it has no such method."""
    row = methods.by_provider_id(connection, method)
    if row is None or row.account_id != account or row.state == "removed":
        raise ActRefusedError("no_such_method", "the account has no such payment method: add it first")
    return int(row.id)
