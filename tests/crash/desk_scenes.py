"""Scenes of the desk: every act in its plainest form, and those that meet an open payment, a refusal or a decline."""

from datetime import timedelta
from functools import partial

from tests.crash.scenes import Kind, Made, Scene, add, of_act
from tests.support.builders import insert
from tests.support.crowd import ACTS, act_here, prepared
from tests.support.house import House
from tests.support.shopping import caller, newcomer, ordered, quoted, wish
from tests.support.stories import customer
from worker.billing.catalogue import Package
from worker.billing.money import Currency
from worker.billing.states import Payer
from worker.desk.my_package import my_package
from worker.desk.new_prices import move_all_to_new_prices
from worker.desk.order import cancel_order
from worker.desk.order_state import show_order
from worker.desk.payment_methods import attach_method, set_up_method
from worker.desk.refund import refund
from worker.desk.renewal import renewal_off
from worker.desk.request import Role
from worker.desk.to_free import to_free
from worker.errors import ActRefusedError

DAYS = timedelta(days=1)
STANDARD = wish("standard", "month", 3)
_ACT_OF = {"order_on_page": "order"}
"""Scenes of the crowd that bear another name than their act."""


def _plain(what: str, house: House, made: Made) -> object:
    return act_here(house, what, what, "r-1", made)


def _prepare(what: str, house: House) -> Made:
    made = prepared(house, what)
    house.drain()
    return made


for _what in ACTS:
    _shows = _ACT_OF.get(_what, _what)
    add(Scene(f"act_{_what}", Kind.ACT, _shows, partial(_prepare, _what), partial(_plain, _what)))


def _asked(house: House, name: str, what: object) -> Made:
    return quoted(house, name, what, request_id="quote-1")["quote"]  # type: ignore[arg-type]  # a Wish


def _newcomer_with_credit(house: House) -> Made:
    number = newcomer(house, "shop")
    insert(house.engine, "credit_entries", account_id=number, currency="EUR", amount_minor=700, kind="import")
    insert(house.engine, "goodwill_entries", account_id=number, currency="EUR", amount_minor=200, kind="granted")
    return _asked(house, "shop", STANDARD)


def _order(house: House, made: Made) -> object:
    return ordered(house, "shop", made, request_id="order-1")


@of_act("order", _newcomer_with_credit)
def buy_with_credit(house: House, made: Made) -> object:
    """A purchase with the saved card, partly paid by credit and goodwill."""
    return _order(house, made)


def _in_mid_term(agents: int, house: House) -> Made:
    customer(house, external_id="shop", ends_on=house.clock.today() + 10 * DAYS)
    return _asked(house, "shop", wish(agents=agents))


@of_act("order", partial(_in_mid_term, 5))
def raise_agents(house: House, made: Made) -> object:
    """From 3 to 5 agents in the middle of a term."""
    return _order(house, made)


@of_act("order", partial(_in_mid_term, 1))
def lower_agents(house: House, made: Made) -> object:
    """From 3 agents to one, which costs nothing."""
    return _order(house, made)


def _declined_renewal(house: House) -> Made:
    of = customer(house, "insufficient_funds", "ok", external_id="shop")
    house.run("renew", only=of.subscription_id)
    return None


def _declined_and_asked(house: House) -> Made:
    _declined_renewal(house)
    return _asked(house, "shop", wish(agents=1))


@of_act("order", _declined_and_asked)
def replace_the_renewal(house: House, made: Made) -> object:
    """An order in place of a declined renewal (R12d)."""
    return _order(house, made)


def _newcomer_with(script: str, house: House) -> Made:
    newcomer(house, "shop", script)
    return _asked(house, "shop", STANDARD)


@of_act("order", partial(_newcomer_with, "processing:succeeded:60"))
def buy_and_wait_for_the_bank(house: House, made: Made) -> object:
    """The payment is processing when the customer is answered."""
    return _order(house, made)


@of_act("order", partial(_newcomer_with, "insufficient_funds"))
def buy_and_be_declined(house: House, made: Made) -> object:
    """The card is declined; the order waits for its customer."""
    return _order(house, made)


@of_act("to_free", _declined_renewal)
def to_free_while_past_due(house: House, made: Made) -> object:
    """The open payment is cancelled at the provider first (R11)."""
    del made
    return to_free(house.runtime, caller("shop", Role.SUPPORT), request_id="r-1", reason="asked")


@of_act("renewal_off", _declined_renewal)
def renewal_off_while_past_due(house: House, made: Made) -> object:
    """The open payment is cancelled; suspension follows (R7)."""
    del made
    return renewal_off(house.runtime, caller("shop"), request_id="r-1")


def _bought_and_declined(house: House) -> Made:
    newcomer(house, "shop", "ok", "insufficient_funds")
    ordered(house, "shop", _asked(house, "shop", STANDARD), request_id="order-0")
    house.drain()
    house.go_to(house.fetch("SELECT paid_until FROM subscriptions")[0]["paid_until"])
    house.run("renew")


@of_act("refund", _bought_and_declined)
def refund_while_past_due(house: House, made: Made) -> object:
    """Support gives everything back; the open payment is cancelled first (R14b)."""
    del made
    eva = caller("shop", Role.SUPPORT)
    return refund(house.runtime, eva, request_id="r-1", override=True, reason="a promise by phone")


def _bought(house: House) -> Made:
    newcomer(house, "shop")
    ordered(house, "shop", _asked(house, "shop", STANDARD), request_id="order-0")
    house.drain()


@of_act("refund", _bought)
def refund_in_part(house: House, made: Made) -> object:
    """Support gives a part back; the subscription goes on."""
    del made
    eva = caller("shop", Role.SUPPORT)
    return refund(house.runtime, eva, request_id="r-1", override=True, amount_minor=1000, reason="a promise by phone")


def _without_customer(house: House) -> Made:
    newcomer(house, "shop", saved=False, provider_customer=None)


def _with_an_unattached_card(house: House) -> Made:
    newcomer(house, "shop", saved=False)
    made = house.runtime.payments._client.v1.payment_methods.create({"type": "card", "card": {"token": "tok_visa"}})
    return made.id


@of_act("method_attach", _with_an_unattached_card)
def attach_a_new_card(house: House, made: Made) -> object:
    """A card that no customer of the provider has yet."""
    return attach_method(house.runtime, caller("shop"), made, request_id="r-1")


@of_act("method_set_up", _without_customer)
def set_up_the_first_method(house: House, made: Made) -> object:
    """The customer at the provider is made when it is first needed."""
    del made
    return set_up_method(house.runtime, caller("shop"), request_id="r-1")


def _three_at_old_prices(house: House) -> Made:
    for n in range(3):
        customer(house, agent_price_minor=1700, ends_on=house.clock.today() + (40 + n) * DAYS)


@of_act("new_prices", _three_at_old_prices)
def move_all_to_todays_prices(house: House, made: Made) -> object:
    """All of a package, account by account; the same call goes on where it was broken off (R3b)."""
    del made
    return move_all_to_new_prices(
        house.runtime, by="eva", package=Package.STANDARD, currency=Currency.EUR, request_id="r-1", reason="a new list"
    )


@of_act("my_package", lambda house: customer(house, external_id="shop") and None)
def look_at_my_package(house: House, made: Made) -> object:
    """What an account page shows; it leaves an audit row."""
    del made
    return my_package(house.runtime, caller("shop"))


def _waiting_order(house: House) -> Made:
    newcomer(house, "shop", saved=False)
    made = ordered(house, "shop", _asked(house, "shop", STANDARD), payer=Payer.PAGE, request_id="order-0")
    house.drain()
    return made["order"]


@of_act("show_order", _waiting_order)
def look_at_an_order(house: House, made: Made) -> object:
    """How an order stands."""
    return show_order(house.runtime, caller("shop"), made)


@of_act("cancel_order", _waiting_order)
def cancel_a_waiting_order(house: House, made: Made) -> object:
    """The customer thinks better of it."""
    return cancel_order(house.runtime, caller("shop"), made, request_id="r-1")


@of_act("to_free", lambda house: newcomer(house, "shop") and None)
def be_refused(house: House, made: Made) -> object:
    """A customer may not do what is support's; the refusal is audited."""
    del made
    try:
        return to_free(house.runtime, caller("shop"), request_id="r-1")
    except ActRefusedError as refusal:
        return refusal.code
