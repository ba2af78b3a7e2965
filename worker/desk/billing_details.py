"""Billing details: checked, and kept as versions; what was frozen or issued before keeps the old ones (R4b, R16)."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial

from sqlalchemy import Connection

from worker.billing.countries import COUNTRIES
from worker.billing.vat import Buyer, decide
from worker.charging.letters import Rung
from worker.charging.vat_evidence import asked_prefixes
from worker.desk.plain_text import checked
from worker.desk.request import Ask, Caller, Done, noted, perform
from worker.desk.vat_number import normalised
from worker.errors import ActRefusedError, RuleError
from worker.queue.plans import in_items
from worker.queue.runs import ring
from worker.runtime import Runtime
from worker.store import desk
from worker.store.vat_numbers import ask_now, enrol

_LOCAL = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[a-z0-9!#$%&'*+/=?^_`{|}~-]+)*", re.IGNORECASE)
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"{_LABEL}(\.{_LABEL})+", re.IGNORECASE)
_LOCAL_MAX, _EMAIL_MAX = 64, 254


@dataclass(frozen=True, slots=True)
class BillingDetails:
    """Who is invoiced and where the invoices go; the country is its ISO code, no VAT number is the empty text."""

    company: str
    street: str
    city: str
    postcode: str
    country: str
    email: str
    vat_number: str = ""


def change_billing_details(
    runtime: Runtime, caller: Caller, details: BillingDetails, *, request_id: str, reason: str | None = None
) -> Done:
    """Put new billing details in force. Raises ActRefusedError that names the field."""
    ask = Ask(caller, "billing_details", request_id, asdict(details), reason)
    with noted(runtime, ask):
        good = _checked(details)
        _demand_place(runtime, good)
        return perform(runtime, ask, partial(_change, runtime, good))


def _change(
    runtime: Runtime, good: dict[str, str | None], connection: Connection, account: int, rung: Rung
) -> Mapping[str, object]:
    row = desk.standing(connection, account)
    changed = any(getattr(row, name) != value for name, value in good.items())
    version = desk.new_details(connection, account, good) if changed else row.details_version
    # the same again is how a customer says that the register knows the number now
    _have_number_checked(runtime, connection, account, rung)
    return {"version": version, "changed": changed, **good}


def _have_number_checked(runtime: Runtime, connection: Connection, account: int, rung: Rung) -> None:
    """Ask VIES at once about a number that is not known to be valid (R19); a home number needs no question."""
    now = runtime.clock.now()
    enrol(connection, prefixes=asked_prefixes(runtime), now=now, account=account)
    rung.items += ring(
        connection,
        job="check_vat_numbers",
        items=in_items(ask_now(connection, account, now=now), size=1, claims=None, prefix="numbers"),
        business_date=runtime.clock.today(),
        root_run_id=None,
        by="desk",
    )


def _demand_place(runtime: Runtime, good: Mapping[str, str | None]) -> None:
    """Refuse details whose place has no rule for its VAT, before anything is sold there (R20)."""
    buyer = Buyer(country=good["country"] or "", postcode=good["postcode"] or "", is_business=False)
    try:
        decide(seller=runtime.seller, buyer=buyer, evidence=None, tax_on=runtime.clock.today(), rates=runtime.rates)
    except RuleError as error:
        raise ActRefusedError("place", f"{error}: please correct the postcode or the country") from error


def _checked(given: BillingDetails) -> dict[str, str | None]:
    country = _country(checked(given.country, name="the country", longest=20, required=True))
    return {
        "company": checked(given.company, name="the name", longest=200, required=True),
        "street": checked(given.street, name="the street", longest=200, required=True),
        "city": checked(given.city, name="the city", longest=100, required=True),
        "postcode": checked(given.postcode, name="the postcode", longest=20, required=True),
        "country": country,
        "email": _email(checked(given.email, name="the e-mail address", longest=_EMAIL_MAX, required=True)),
        "vat_number": normalised(checked(given.vat_number, name="the VAT number", longest=40), country=country),
    }


def _country(code: str) -> str:
    if code not in COUNTRIES:
        raise ActRefusedError("country", f"{code!r} is no country: give its two capital letters, such as PL")
    return code


def _email(address: str) -> str:
    local, _, domain = address.rpartition("@")
    try:
        plain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    except UnicodeError:
        plain = ""
    if len(local) > _LOCAL_MAX or not _LOCAL.fullmatch(local) or not _DOMAIN.fullmatch(plain):
        raise ActRefusedError("email", f"{address!r} is no e-mail address: please correct it, invoices go there")
    return address
