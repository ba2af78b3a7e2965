"""One line's values held against the rules: a customer as the store takes it, or every reason why not."""

from collections.abc import Callable
from datetime import date
from functools import partial
from hashlib import sha256
from typing import NamedTuple, TypeVar

from worker.billing.calendar import Interval, ordinal, term_start
from worker.billing.catalogue import Catalogue, Package
from worker.billing.money import Currency
from worker.errors import RuleError
from worker.ops.importing import cells
from worker.ops.importing.columns import CUSTOMER_COLUMNS, LONGEST, LONGEST_OTHER
from worker.ops.importing.report import Refusal
from worker.store.importing import CustomerRow

_MOST_AGENTS = 100_000
_MOST_CONVERSATIONS = 100_000_000
# Between cells stands a character that no cell can hold.
_BETWEEN_CELLS = "\x1f"

_Value = TypeVar("_Value")

_count = cells.whole(least=1, most=_MOST_AGENTS)
_conversations = cells.whole(least=0, most=_MOST_CONVERSATIONS, empty=0)
_sum = cells.whole(least=0, most=cells.MOST_MINOR)
_sum_or_none = cells.whole(least=0, most=cells.MOST_MINOR, empty=0)
_required = cells.text(LONGEST["external_id"], required=True)
_texts = {column: cells.text(longest) for column, longest in LONGEST.items()}
_other = cells.text(LONGEST_OTHER)


class _Reading:
    """A line on its way to a row; collects what is wrong with it, one reason a column."""

    def __init__(self, line: int, values: tuple[str, ...]) -> None:
        self.line = line
        self.values = dict(zip(CUSTOMER_COLUMNS, values, strict=True))
        self.wrong: dict[str, str] = {}

    def take(self, column: str, read: Callable[[str], _Value], otherwise: _Value) -> _Value:
        """The column's value; `otherwise` when it is refused, so that the other columns are read as well."""
        try:
            return read(self.values[column])
        except RuleError as error:
            self.refuse(column, str(error))
            return otherwise

    def text(self, column: str) -> str:
        """The column as text."""
        return self.take(column, _texts.get(column, _other), "")

    def refuse(self, column: str, reason: str) -> None:
        """Note what is wrong with the column; the first reason stands."""
        self.wrong.setdefault(column, reason)

    def fine(self, *columns: str) -> bool:
        """Whether nothing was wrong with these columns so far."""
        return not any(column in self.wrong for column in columns)


class _Term(NamedTuple):
    anchor_on: date
    number: int
    starts_on: date
    ends_on: date


class _Sold(NamedTuple):
    package: Package
    interval: Interval
    currency: Currency
    agents: int
    extra: int
    block: int
    agent_price_minor: int
    conversation_price_minor: int


class _Method(NamedTuple):
    provider_method: str | None = None
    type: str | None = None
    brand: str | None = None
    last4: str | None = None
    exp_year: int | None = None
    exp_month: int | None = None


def check(line: int, values: tuple[str, ...], catalogue: Catalogue) -> CustomerRow | tuple[Refusal, ...]:
    """The row of a line, or its refusals.

    Args:
        line: where it stands in the file.
        values: the cells in the order of CUSTOMER_COLUMNS, without outer blanks and control characters.
        catalogue: where empty prices, limits and block sizes come from, as of the term's first day.
    """
    reading = _Reading(line, values)
    interval = reading.take("interval", cells.choice(Interval), Interval.MONTH)
    term = _term(reading, interval)
    sold = _sold(reading, catalogue, interval, on=term.starts_on)
    method = _method(reading)
    customer = reading.take("provider_customer", cells.provider_id(LONGEST["provider_customer"]), None)
    country = reading.take("country", cells.country, "")
    row = CustomerRow(
        line=line,
        external_id=reading.take("external_id", _required, ""),
        source_hash=sha256(_BETWEEN_CELLS.join(values).encode()).hexdigest(),
        company=reading.text("company"),
        street=reading.text("street"),
        city=reading.text("city"),
        postcode=reading.text("postcode"),
        country=country,
        email=reading.take("email", cells.email, ""),
        locale=reading.take("locale", cells.locale, ""),
        vat_number=reading.take("vat_number", partial(cells.vat_number, country=country), None),
        currency=sold.currency.value,
        provider_customer=customer,
        package=sold.package.value,
        interval=interval.value,
        agents=sold.agents,
        extra_conversations=sold.extra,
        conversation_block=sold.block,
        agent_price_minor=sold.agent_price_minor,
        conversation_price_minor=sold.conversation_price_minor,
        paid_minor=reading.take("term_paid_minor", _sum, 0),
        credit_minor=reading.take("credit_minor", _sum_or_none, 0),
        first_paid_on=_first_paid_on(reading, term),
        anchor_on=term.anchor_on,
        term_number=term.number,
        starts_on=term.starts_on,
        ends_on=term.ends_on,
        auto_renew=_auto_renew(reading, method, customer),
        provider_method=method.provider_method,
        method_type=method.type,
        brand=method.brand,
        last4=method.last4,
        exp_month=method.exp_month,
        exp_year=method.exp_year,
    )
    if len(row.email) > LONGEST["email"]:
        reading.refuse("email", f"has {len(row.email)} characters, more than {LONGEST['email']}")
    if reading.wrong:
        return tuple(Refusal(line, column, reason) for column, reason in reading.wrong.items())
    return row


def _term(reading: _Reading, interval: Interval) -> _Term:
    anchor_on = reading.take("anchor_on", cells.day, date.min)
    starts_on = reading.take("term_starts_on", cells.day, date.min)
    ends_on = reading.take("term_ends_on", cells.day, date.max)
    number = 0
    if not reading.fine("interval", "anchor_on", "term_starts_on", "term_ends_on"):
        return _Term(anchor_on, number, starts_on, ends_on)
    found = ordinal(anchor_on=anchor_on, interval=interval, starts_on=starts_on)
    if ends_on <= starts_on:
        reading.refuse("term_ends_on", f"{ends_on} does not lie after the term's start {starts_on}")
    elif found is None:
        reading.refuse("term_starts_on", f"no term by {interval} of the anchor {anchor_on} starts on {starts_on}")
    elif found < 0:
        reading.refuse("anchor_on", f"{anchor_on} lies after the term's start {starts_on}")
    elif (whole := term_start(anchor_on, interval, found + 1)) != ends_on:
        reading.refuse(
            "term_ends_on", f"a term by {interval} that starts on {starts_on} ends on {whole}, not {ends_on}"
        )
    else:
        number = found
    return _Term(anchor_on, number, starts_on, ends_on)


def _first_paid_on(reading: _Reading, term: _Term) -> date | None:
    if not reading.values["first_paid_on"]:
        return None
    first = reading.take("first_paid_on", cells.day, term.starts_on)
    if reading.fine("first_paid_on", "term_ends_on") and first > term.ends_on:
        reading.refuse("first_paid_on", f"{first} lies after the end of the paid term {term.ends_on}")
    return first


def _sold(reading: _Reading, catalogue: Catalogue, interval: Interval, *, on: date) -> _Sold:
    package = reading.take("package", cells.choice(Package), Package.STANDARD)
    if not package.is_paid:
        reading.refuse("package", f"{package} has no term to import")
    currency = reading.take("currency", cells.choice(Currency), Currency.EUR)
    extra = reading.take("extra_conversations", _conversations, 0)
    given_minor = [
        reading.take(column, _sum, 0) if reading.values[column] else None
        for column in ("agent_price_minor", "conversation_price_minor")
    ]
    agent_minor, conversation_minor = given_minor
    block = 1
    if reading.fine("package", "term_starts_on"):
        block = _block(reading, catalogue, package, extra, on=on)
        if None in given_minor and reading.fine("interval", "currency"):
            try:
                listed = catalogue.price(package, interval, currency, on=on)
            except RuleError as error:
                column = "agent_price_minor" if agent_minor is None else "conversation_price_minor"
                reading.refuse(column, f"is empty, and {error}")
            else:
                agent_minor = listed.agent_price_minor if agent_minor is None else agent_minor
                if conversation_minor is None:
                    conversation_minor = listed.conversation_price_minor
    agents = reading.take("agents", _count, 1)
    return _Sold(package, interval, currency, agents, extra, block, agent_minor or 0, conversation_minor or 0)


def _block(reading: _Reading, catalogue: Catalogue, package: Package, extra: int, *, on: date) -> int:
    """The size of a block of conversations; refuses extra ones that the package does not sell (R2)."""
    try:
        block = catalogue.allowance(package, on=on).block
    except RuleError as error:
        reading.refuse("package", str(error))
        return 1
    try:
        catalogue.check_extra(package, extra, on=on)
    except RuleError as error:
        reading.refuse("extra_conversations", str(error))
    return block


def _method(reading: _Reading) -> _Method:
    kind = reading.take("method_type", cells.method_type, None)
    method = reading.take("provider_payment_method", cells.provider_id(LONGEST["provider_payment_method"]), None)
    if not reading.fine("method_type", "provider_payment_method"):
        return _Method(method, kind)
    if kind is None:
        for column in ("provider_payment_method", "card_brand", "card_last4", "card_exp"):
            if reading.values[column]:
                reading.refuse(column, "is given without a method_type")
        return _Method()
    if method is None:
        reading.refuse("provider_payment_method", "is missing")
    if kind == "card":
        exp_year, exp_month = reading.take("card_exp", cells.expiry, (0, 0))
        return _Method(
            method,
            kind,
            brand=reading.take("card_brand", cells.brand, ""),
            last4=reading.take("card_last4", cells.last4, ""),
            exp_year=exp_year,
            exp_month=exp_month,
        )
    for column in ("card_brand", "card_last4", "card_exp"):
        if reading.values[column]:
            reading.refuse(column, "is given for PayPal, which has no card")
    return _Method(method, kind)


def _auto_renew(reading: _Reading, method: _Method, customer: str | None) -> bool:
    renewed = reading.take("auto_renew", cells.yes_or_no, otherwise=False)
    if renewed and method.provider_method is None:
        if reading.fine("method_type", "provider_payment_method"):
            reading.refuse("auto_renew", "is on without a payment method")
    elif renewed and customer is None and reading.fine("provider_customer"):
        reading.refuse("provider_customer", "is missing, and renewal is on")
    return renewed
