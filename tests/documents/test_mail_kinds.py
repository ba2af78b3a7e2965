"""The facts of a mail are complete and of their types, or the mail does not exist."""

from typing import Any

import pytest

from tests.documents.samples import MAILS
from worker.documents.mail_kinds import MAIL_KINDS, read_mail_data, write_mail_data
from worker.errors import DocumentError


@pytest.mark.parametrize("kind", MAILS)
def test_facts_come_back_from_json_as_they_were(kind: str) -> None:
    mail = read_mail_data(kind, MAILS[kind])
    assert mail.kind == kind
    assert write_mail_data(mail) == MAILS[kind]


MAY_LACK = {("invoice_issued", "replaces")}
"""What a later release added: mails of the one before wait in the outbox without it."""


@pytest.mark.parametrize(
    ("kind", "field"), [(kind, field) for kind in MAILS for field in MAILS[kind] if (kind, field) not in MAY_LACK]
)
def test_a_missing_fact_is_named(kind: str, field: str) -> None:
    facts = {name: value for name, value in MAILS[kind].items() if name != field}
    with pytest.raises(DocumentError, match=rf"{kind}\.{field} is missing"):
        read_mail_data(kind, facts)


@pytest.mark.parametrize(
    ("kind", "field", "value"),
    [
        ("term_ending", "days_left", "14"),
        ("term_ending", "days_left", True),
        ("term_ending", "days_left", 0),
        ("term_ending", "ends_on", "22.12.2026"),
        ("term_ending", "ends_on", None),
        ("term_ending", "company", 7),
        ("yearly_renewal", "amount", {"amount_minor": 12.5, "currency": "PLN"}),
        ("yearly_renewal", "amount", {"amount_minor": 1250}),
        ("yearly_renewal", "amount", 1250),
        ("payment_declined", "reason", "stolen_card"),
        ("payment_declined", "reason", None),
        ("payment_method_refused", "has_method", 1),
        ("suspended", "cause", "other"),
        ("billing_details_needed", "missing", ["shoe_size"]),
        ("billing_details_needed", "missing", "street"),
        ("prices_change", "new_amount", {"amount_minor": 134950, "currency": "EUR"}),
        ("prices_change", "new_amount", {"amount_minor": 123450, "currency": "PLN"}),
        ("refund_made", "ends_service", None),
        ("credit_note_issued", "reason", "because"),
        ("credit_note_issued", "to_credit", 1250),
        ("term_extended", "days", 0),
    ],
)
def test_a_wrong_fact_is_refused(kind: str, field: str, value: Any) -> None:
    with pytest.raises(DocumentError, match=r"days left|more days|a price|yearly_renewal\.amount|" + field):
        read_mail_data(kind, MAILS[kind] | {field: value})


def test_a_fact_of_a_newer_version_is_passed_over() -> None:
    assert read_mail_data("suspended", MAILS["suspended"] | {"newer": 1}) == read_mail_data(
        "suspended", MAILS["suspended"]
    )


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(DocumentError, match="advert"):
        read_mail_data("advert", {})
    assert "advert" not in MAIL_KINDS


@pytest.mark.parametrize(("kind", "field"), sorted(MAY_LACK))
def test_a_mail_of_an_earlier_release_reads_as_if_the_fact_were_none(kind: str, field: str) -> None:
    facts = {name: value for name, value in MAILS[kind].items() if name != field}
    assert read_mail_data(kind, facts) == read_mail_data(kind, {**MAILS[kind], field: None})
