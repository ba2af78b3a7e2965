"""What may happen in a customer's life, one phrase each: acts at the desk, and what banks and the provider do."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import text

from tests.support.house import API_KEY, House
from tests.support.lives.aspects import NOTHING, Since
from tests.support.shopping import wish
from worker.billing.money import Currency
from worker.billing.states import Payer
from worker.desk.billing_details import BillingDetails, change_billing_details
from worker.desk.disputes import release_dispute
from worker.desk.extend_term import extend_term
from worker.desk.goodwill import grant_credit
from worker.desk.interval_change import keep_yearly, schedule_monthly
from worker.desk.new_prices import move_to_new_prices
from worker.desk.open_account import open_account
from worker.desk.order import cancel_order, order
from worker.desk.payment_methods import attach_method, set_up_method
from worker.desk.quote import quote
from worker.desk.refund import refund
from worker.desk.renewal import renewal_off, renewal_on
from worker.desk.request import Caller, Role
from worker.desk.to_free import to_free

HEAR_MINUTES = 16
"""So long it takes until the provider's events are read while nothing is open."""


@dataclass
class Life:
    """A customer while the story is played."""

    name: str
    house: House
    since: Since = field(default_factory=Since)
    requests: int = 0
    order: str = ""
    """The newest order."""
    came_to: str = NOTHING
    """What the act's order is answered with."""
    method: str = ""
    """The provider's name of the newest method."""
    dispute: str = ""

    @property
    def customer(self) -> Caller:
        """The customer, on the account page."""
        return Caller(Role.CUSTOMER, "page", self.name)

    @property
    def support(self) -> Caller:
        """Somebody of support."""
        return Caller(Role.SUPPORT, "eva", self.name)

    @property
    def request_id(self) -> str:
        """A new one each time."""
        self.requests += 1
        return f"{self.name}-{self.requests}"

    def intent(self, state: str) -> str:
        """The PaymentIntent of the newest charge, which must stand so."""
        (row,) = self.house.fetch(
            """SELECT c.provider_intent, c.state FROM charges c JOIN accounts a ON a.id = c.account_id
               WHERE a.external_id = :name ORDER BY c.id DESC LIMIT 1""",
            name=self.name,
        )
        assert row["state"] == state, f"the newest charge is {row['state']}, not {state}"
        return str(row["provider_intent"])


Verb = Callable[[Life, Mapping[str, str]], object]
_VERBS: dict[str, Verb] = {}


_OUTSIDE: set[str] = set()


def verb(phrase: str, *, outside: bool = False) -> Callable[[Verb], Verb]:
    """Register what a phrase does; groups of the phrase are its arguments.

    `outside` is for what banks, the provider and time do: nobody tells us, so it is found by looking.
    """

    def register(do: Verb) -> Verb:
        _VERBS[phrase] = do
        if outside:
            _OUTSIDE.add(phrase)
        return do

    return register


def is_outside(act: str) -> bool:
    """Whether the act happens without a word to us."""
    return any(re.fullmatch(phrase, act) for phrase in _OUTSIDE)


def is_known(act: str) -> bool:
    """Whether some verb understands the act."""
    return any(re.fullmatch(phrase, act) for phrase in _VERBS)


def carry_out(life: Life, act: str) -> None:
    """Do what the act says. Raises ActRefusedError when the desk refuses."""
    for phrase, do in _VERBS.items():
        if said := re.fullmatch(phrase, act):
            do(life, {name: value or "" for name, value in said.groupdict().items()})
            return
    raise AssertionError(f"nobody knows the act {act!r}")


@verb(r"opens an account in (?P<currency>[A-Z]{3}), speaking (?P<locale>[a-z]{2})")
def _open(life: Life, said: Mapping[str, str]) -> None:
    runtime = life.house.runtime
    open_account(runtime, life.customer, locale=said["locale"], currency=said["currency"], request_id=life.request_id)
    _details(life, life.name.replace("_", " ").capitalize())


@verb(r"changes the name on invoices to \"(?P<name>[^\"]+)\"")
def _rename(life: Life, said: Mapping[str, str]) -> None:
    _details(life, said["name"])


def _details(life: Life, company: str) -> None:
    details = BillingDetails(
        company, "Dlouhá 1", "Brno", "602 00", "CZ", f"{life.name.replace('_', '-')}@customers.example"
    )
    change_billing_details(life.house.runtime, life.customer, details, request_id=life.request_id)


@verb(r"(?:adds|changes to) (?P<what>visa|mastercard|paypal|amex|empty visa)")
def _add_method(life: Life, said: Mapping[str, str]) -> None:
    house, what = life.house, said["what"]
    setup = set_up_method(house.runtime, life.customer, request_id=life.request_id).setup
    card = {"paypal": "paypal", "empty visa": "pm_card_chargeCustomerFail"}.get(what, f"pm_card_{what}")
    life.method = house.emulator.finish_setup(setup, card=card, api_key=API_KEY)
    attach_method(house.runtime, life.customer, life.method, request_id=life.request_id)


@verb(r"adds visa that expires in (?P<year>\d{4})-(?P<month>\d\d)")
def _add_expiring(life: Life, said: Mapping[str, str]) -> None:
    house = life.house
    set_up_method(house.runtime, life.customer, request_id=life.request_id)
    [row] = house.fetch("SELECT id, provider_customer FROM accounts WHERE external_id = :name", name=life.name)
    life.method = f"pm_{life.name}_1"
    card = {"id": life.method, "customer": row["provider_customer"], "type": "card", "brand": "visa", "last4": "1881"}
    house.emulator.seed([], [{**card, "exp_year": int(said["year"]), "exp_month": int(said["month"])}])
    attach_method(house.runtime, life.customer, life.method, request_id=life.request_id)


_WISH = (
    r"(?P<package>standard|pro)?(?:\b ?(?P<interval>month|year))?(?:\b ?(?P<agents>\d+) agents?)?"
    r"(?:\b ?(?P<extra>\d+) extra conversations)?(?: in (?P<currency>[A-Z]{3}))?(?P<page> on the page)?"
)


@verb(rf"(?:buys|orders) (?=\S){_WISH}")
def _order(life: Life, said: Mapping[str, str]) -> None:
    runtime = life.house.runtime
    asked = wish(
        said["package"] or None,
        said["interval"] or None,
        int(said["agents"]) if said["agents"] else None,
        int(said["extra"]) if said["extra"] else None,
    )
    currency = Currency(said["currency"]) if said["currency"] else None
    shown = quote(runtime, life.customer, asked, currency=currency, request_id=life.request_id).result
    payer = Payer.PAGE if said["page"] else Payer.SAVED_METHOD
    result = order(runtime, life.customer, shown["quote"], payer=payer, request_id=life.request_id).result
    assert result["to_pay_minor"] == shown["to_pay_minor"], "R4: what is charged is what was quoted"
    life.order, life.came_to = result["order"], result["outcome"]


@verb("cancels the order")
def _cancel(life: Life, said: Mapping[str, str]) -> None:
    del said
    done = cancel_order(life.house.runtime, life.customer, life.order, request_id=life.request_id)
    life.came_to = done.result["outcome"]


@verb("pays on the page with (?P<what>visa|mastercard|paypal)", outside=True)
def _pay(life: Life, said: Mapping[str, str]) -> None:
    card = said["what"] if said["what"] == "paypal" else f"pm_card_{said['what']}"
    [row] = life.house.fetch(
        """SELECT c.provider_intent FROM charges c JOIN accounts a ON a.id = c.account_id
           WHERE a.external_id = :name AND c.state IN ('created', 'declined')""",
        name=life.name,
    )
    life.house.emulator.pay_on_page(row["provider_intent"], card=card, api_key=API_KEY)
    if card == "paypal":
        life.house.emulator.approve_at_bank(row["provider_intent"], api_key=API_KEY)


@verb("switches renewal (?P<way>on|off)")
def _renewal(life: Life, said: Mapping[str, str]) -> None:
    switch = renewal_on if said["way"] == "on" else renewal_off
    switch(life.house.runtime, life.customer, request_id=life.request_id)


@verb("asks for a refund")
def _refund(life: Life, said: Mapping[str, str]) -> None:
    del said
    refund(life.house.runtime, life.customer, request_id=life.request_id)


@verb(r"support refunds (?P<what>everything|\d+\.\d\d), because (?P<why>.+)")
def _override(life: Life, said: Mapping[str, str]) -> None:
    refund(
        life.house.runtime,
        life.support,
        request_id=life.request_id,
        override=True,
        amount_minor=None if said["what"] == "everything" else minor(said["what"]),
        reason=said["why"],
    )


@verb(r"support puts the account back to Free, because (?P<why>.+)")
def _free(life: Life, said: Mapping[str, str]) -> None:
    to_free(life.house.runtime, life.support, request_id=life.request_id, reason=said["why"])


@verb(r"support releases the dispute, because (?P<why>.+)")
def _release(life: Life, said: Mapping[str, str]) -> None:
    release_dispute(life.house.runtime, life.support, life.dispute, request_id=life.request_id, reason=said["why"])


@verb(r"support grants (?P<sum>\d+\.\d\d) (?P<currency>[A-Z]{3}), because (?P<why>.+)")
def _grant(life: Life, said: Mapping[str, str]) -> None:
    grant_credit(
        life.house.runtime,
        life.support,
        amount_minor=minor(said["sum"]),
        currency=said["currency"],
        request_id=life.request_id,
        reason=said["why"],
    )


@verb(r"support gives (?P<days>\d+) more days, because (?P<why>.+)")
def _extend(life: Life, said: Mapping[str, str]) -> None:
    extend_term(
        life.house.runtime, life.support, days=int(said["days"]), request_id=life.request_id, reason=said["why"]
    )


@verb(r"support schedules the move to monthly, because (?P<why>.+)")
def _monthly(life: Life, said: Mapping[str, str]) -> None:
    schedule_monthly(life.house.runtime, life.support, request_id=life.request_id, reason=said["why"])


@verb(r"decides to stay yearly")
def _yearly(life: Life, said: Mapping[str, str]) -> None:
    del said
    keep_yearly(life.house.runtime, life.customer, request_id=life.request_id)


@verb(r"support moves it to new prices, because (?P<why>.+)")
def _new_prices(life: Life, said: Mapping[str, str]) -> None:
    move_to_new_prices(life.house.runtime, life.support, request_id=life.request_id, reason=said["why"])


@verb(
    r"an agent of (?P<package>standard|pro) by the (?P<interval>month|year) in (?P<currency>[A-Z]{3})"
    r" costs (?P<sum>\d+\.\d\d) from now on"
)
def _price(life: Life, said: Mapping[str, str]) -> None:
    with life.house.engine.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO catalogue_prices (package, "interval", currency, valid_from, agent_price_minor,
                                              conversation_price_minor)
                SELECT package, "interval", currency, :today, :price, conversation_price_minor FROM catalogue_prices
                WHERE (package, "interval", currency) = (:package, :interval, :currency)
            """),
            {
                "today": life.house.clock.today(),
                "price": minor(said["sum"]),
                **{name: said[name] for name in ("package", "interval", "currency")},
            },
        )


@verb(r"the bank will say (?P<script>[a-z_:0-9]+(?:, [a-z_:0-9]+)*)")
def _script(life: Life, said: Mapping[str, str]) -> None:
    life.house.emulator.script(life.method, *said["script"].split(", "))


@verb(r"refunds will come to (?P<script>[a-z_:0-9]+)")
def _script_refunds(life: Life, said: Mapping[str, str]) -> None:
    life.house.emulator.script_refunds(life.method, said["script"])


@verb(r"approves at the bank", outside=True)
def _approve(life: Life, said: Mapping[str, str]) -> None:
    del said
    life.house.emulator.approve_at_bank(life.intent("declined"), api_key=API_KEY)


@verb(r"ends the agreement at PayPal")
def _end_agreement(life: Life, said: Mapping[str, str]) -> None:
    del said
    life.house.emulator.cancel_agreement(life.method)


@verb(r"the bank takes the newest payment back", outside=True)
def _dispute(life: Life, said: Mapping[str, str]) -> None:
    del said
    life.dispute = life.house.emulator.open_dispute(life.intent("succeeded"))
    life.house.wait(minutes=HEAR_MINUTES)


@verb(r"the dispute is (?P<how>won|lost)", outside=True)
def _decide(life: Life, said: Mapping[str, str]) -> None:
    life.house.emulator.close_dispute(life.dispute, said["how"])
    life.house.wait(minutes=HEAR_MINUTES)


@verb(r"(?P<minutes>\d+) minutes pass", outside=True)
def _pass(life: Life, said: Mapping[str, str]) -> None:
    life.house.wait(minutes=int(said["minutes"]))


def minor(words: str) -> int:
    """`57.00` in minor units."""
    whole, cents = words.split(".")
    return int(whole) * 100 + int(cents)
