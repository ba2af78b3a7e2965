"""The kinds of mail, each with the facts that it tells; a kind bears the name of its templates.

The facts travel as JSON in the outbox: `write_mail_data` makes it, `read_mail_data` holds it against the
declaration. Dates are ISO texts there, amounts are `{"amount_minor": 4900, "currency": "EUR"}`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, ClassVar, Literal, cast

from worker.billing.declines import CustomerReason
from worker.documents.invoice_snapshot import CorrectionReason
from worker.documents.typed import Url, read
from worker.errors import DocumentError

MissingDetail = Literal["name", "street", "city", "postcode", "country", "email"]
SuspensionCause = Literal["renewal_off", "payment_failed"]


@dataclass(frozen=True, slots=True)
class Amount:
    """Money: whole minor units and the ISO code of their currency."""

    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class TermEnding:
    """The term ends and renewal is off (R9b). `ends_on` is the first unpaid day, `days_left` at least 1."""

    kind: ClassVar[str] = "term_ending"
    company: str
    package: str
    ends_on: date
    days_left: int
    account_url: Url

    def __post_init__(self) -> None:
        if self.days_left < 1:
            raise DocumentError(f"a term with {self.days_left} days left has ended and needs no reminder")


@dataclass(frozen=True, slots=True)
class YearlyRenewal:
    """A yearly term will be renewed (R9c); `amount` is what will be charged on `renews_on`."""

    kind: ClassVar[str] = "yearly_renewal"
    company: str
    package: str
    renews_on: date
    amount: Amount
    account_url: Url


@dataclass(frozen=True, slots=True)
class CardExpiring:
    """The card will not be valid on the day of the renewal (R9c)."""

    kind: ClassVar[str] = "card_expiring"
    company: str
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    renews_on: date
    account_url: Url


@dataclass(frozen=True, slots=True)
class PaymentDeclined:
    """A charge was declined softly (R8b). `next_try_on` is None when no try is left with this method."""

    kind: ClassVar[str] = "payment_declined"
    company: str
    package: str
    amount: Amount
    reason: CustomerReason
    next_try_on: date | None
    suspends_on: date
    account_url: Url


@dataclass(frozen=True, slots=True)
class PaymentMethodRefused:
    """No try will be made with the method in use, or there is none (R8b); a PayPal account has no last4."""

    kind: ClassVar[str] = "payment_method_refused"
    company: str
    package: str
    amount: Amount
    has_method: bool
    brand: str | None
    last4: str | None
    suspends_on: date
    account_url: Url


@dataclass(frozen=True, slots=True)
class AuthenticationNeeded:
    """The bank wants the customer to confirm the charge (R8c); the link carries its own signed token."""

    kind: ClassVar[str] = "authentication_needed"
    company: str
    package: str
    amount: Amount
    payment_url: Url
    suspends_on: date


@dataclass(frozen=True, slots=True)
class Suspended:
    """The account was suspended (R10). `ended_on` is the first day that was not paid."""

    kind: ClassVar[str] = "suspended"
    company: str
    package: str
    ended_on: date
    account_url: Url
    cause: SuspensionCause


@dataclass(frozen=True, slots=True)
class RenewalOffConfirmed:
    """The customer switched renewal off (R9b). `suspends_on` is the day of the suspension, never a past one."""

    kind: ClassVar[str] = "renewal_off_confirmed"
    company: str
    package: str
    suspends_on: date
    account_url: Url


@dataclass(frozen=True, slots=True)
class InvoiceIssued:
    """An invoice, attached (R16). `period_ends_on` is the first day after the period; `amount` is gross.

    `replaces` is the number of the wrong invoice in whose place a correction puts this one. Mails that a release before
    wrote lack it.
    """

    kind: ClassVar[str] = "invoice_issued"
    company: str
    invoice_number: str
    amount: Amount
    paid_on: date
    period_starts_on: date
    period_ends_on: date
    renewal: bool
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class CreditNoteIssued:
    """A credit note, attached (R15b). `amount` is gross: what becomes credit and what goes back to the method."""

    kind: ClassVar[str] = "credit_note_issued"
    company: str
    credit_note_number: str
    invoice_number: str
    amount: Amount
    reason: CorrectionReason
    to_credit: Amount | None
    to_refund: Amount | None


@dataclass(frozen=True, slots=True)
class BillingDetailsNeeded:
    """Billing details are missing before a renewal (R4b)."""

    kind: ClassVar[str] = "billing_details_needed"
    company: str
    missing: tuple[MissingDetail, ...]
    renews_on: date
    account_url: Url


@dataclass(frozen=True, slots=True)
class PricesChange:
    """From the renewal on `renews_on` a term has another price (R3b); both of one whole term, `with_vat` or net."""

    kind: ClassVar[str] = "prices_change"
    company: str
    package: str
    renews_on: date
    old_amount: Amount
    new_amount: Amount
    account_url: Url
    with_vat: bool

    def __post_init__(self) -> None:
        if self.old_amount.currency != self.new_amount.currency:
            raise DocumentError(f"a price in {self.old_amount.currency} cannot become {self.new_amount.currency}")
        if self.old_amount == self.new_amount:
            raise DocumentError(f"a price that stays at {self.old_amount.amount_minor} needs no announcement")


@dataclass(frozen=True, slots=True)
class RefundMade:
    """Money is on its way back (R14); with `ends_service` the subscription has ended and the account is Free."""

    kind: ClassVar[str] = "refund_made"
    company: str
    amount: Amount
    ends_service: bool


@dataclass(frozen=True, slots=True)
class OrderReturned:
    """A payment came when its order could no longer be carried out, and goes back by itself (R4)."""

    kind: ClassVar[str] = "order_returned"
    company: str
    amount: Amount
    account_url: Url


@dataclass(frozen=True, slots=True)
class IntervalChangeScheduled:
    """Support has scheduled the move from yearly to monthly (R13); `changes_on` is the first day by month."""

    kind: ClassVar[str] = "interval_change_scheduled"
    company: str
    package: str
    changes_on: date
    account_url: Url


@dataclass(frozen=True, slots=True)
class TermExtended:
    """Support gave `days` more days, at least 1, for nothing; `ends_on` is the first day that is not covered."""

    kind: ClassVar[str] = "term_extended"
    company: str
    package: str
    days: int
    ends_on: date
    account_url: Url

    def __post_init__(self) -> None:
        if self.days < 1:
            raise DocumentError(f"{self.days} more days extend no term")


@dataclass(frozen=True, slots=True)
class Reactivated:
    """A suspended account was paid for again (R10); `ends_on` is the first day that is not paid yet."""

    kind: ClassVar[str] = "reactivated"
    company: str
    package: str
    ends_on: date
    account_url: Url


@dataclass(frozen=True, slots=True)
class VatNumberNotConfirmed:
    """VIES said a plain no to the VAT number (R19); `register_url` is where to look it up."""

    kind: ClassVar[str] = "vat_number_not_confirmed"
    company: str
    vat_number: str
    register_url: Url
    account_url: Url


MailData = (
    TermEnding
    | YearlyRenewal
    | CardExpiring
    | PaymentDeclined
    | PaymentMethodRefused
    | AuthenticationNeeded
    | Suspended
    | RenewalOffConfirmed
    | InvoiceIssued
    | CreditNoteIssued
    | BillingDetailsNeeded
    | PricesChange
    | RefundMade
    | OrderReturned
    | IntervalChangeScheduled
    | TermExtended
    | Reactivated
    | VatNumberNotConfirmed
)

MAIL_KINDS: Mapping[str, type[MailData]] = MappingProxyType(
    {
        declared.kind: declared
        for declared in (
            TermEnding,
            YearlyRenewal,
            CardExpiring,
            PaymentDeclined,
            PaymentMethodRefused,
            AuthenticationNeeded,
            Suspended,
            RenewalOffConfirmed,
            InvoiceIssued,
            CreditNoteIssued,
            BillingDetailsNeeded,
            PricesChange,
            RefundMade,
            OrderReturned,
            IntervalChangeScheduled,
            TermExtended,
            Reactivated,
            VatNumberNotConfirmed,
        )
    }
)


def read_mail_data(kind: str, data: Mapping[str, object]) -> MailData:
    """The facts of a mail, from the outbox.

    Raises:
        DocumentError: no such kind, or a fact is missing or of another type than declared.
    """
    if kind not in MAIL_KINDS:
        raise DocumentError(f"no kind of mail is called {kind!r}")
    return cast("MailData", read(MAIL_KINDS[kind], data, where=kind))


def write_mail_data(mail: MailData) -> dict[str, object]:
    """The facts of a mail as JSON for the outbox, under the kind `mail.kind`."""
    return {name: _as_json(value) for name, value in asdict(mail).items()}


def _as_json(value: Any) -> object:
    if isinstance(value, date):
        return value.isoformat()
    return list(value) if isinstance(value, tuple) else value
