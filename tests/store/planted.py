"""Stores that are wrong in one way each: what to do to a sound one so that an invariant finds it.

Names in the statements: `:account`, `:subscription`, `:configuration`, `:charge` and `:invoice` of somebody who paid
today; `:account_b` and `:subscription_b` of somebody whose term ends in ten days. Some break what the database itself
refuses, so its guard is taken away first; the whole is rolled back.
"""

from collections.abc import Mapping

_ENDED = """
    UPDATE terms SET starts_on = cast(:today AS date) - 31, ends_on = cast(:today AS date) - 1
    WHERE subscription_id = :subscription_b
"""
_STANDS_THERE = """
    UPDATE subscriptions SET paid_until = cast(:today AS date) - 1, auto_renew = {renews} WHERE id = :subscription_b
"""


def _charge(state: str, *, term: int = 1, who: str = "_b", also: str = "", values: str = "") -> str:
    """SQL: another charge of 100 minor units."""
    return f"""
        INSERT INTO charges (account_id, subscription_id, purpose, term_number, business_date, state, currency,
                             net_minor, vat_minor, gross_minor, amount_minor, provider_intent{also})
        VALUES (:account{who}, :subscription{who}, 'renewal', {term}, :today, '{state}', 'EUR', 100, 0, 100, 100,
                'pi_planted'{values})
    """  # noqa: S608 - the words of this file


def _order(state: str, *, quoted: int = 100, also: str = "", values: str = "") -> list[str]:
    """SQL: a quote and its order of 100 minor units within the term."""
    return [
        f"""
        INSERT INTO quotes (account_id, purpose, priced_on, made_at, valid_until, currency, to_charge_minor, wish,
                            offer, offer_sha256)
        VALUES (:account_b, 'change', :today, :now, :now, 'EUR', {quoted}, '{{}}', '{{}}', '')
        """,  # noqa: S608 - as above
        f"""
        INSERT INTO charges (account_id, subscription_id, purpose, term_number, business_date, state, currency,
                             net_minor, vat_minor, gross_minor, amount_minor, provider_intent, quote_id, payer,
                             buys_term, pay_until{also})
        SELECT :account_b, :subscription_b, 'change', 0, :today, '{state}', 'EUR', 100, 0, 100, 100,
               'pi_order_' || max(id), max(id), 'page', false, :now{values} FROM quotes
        """,  # noqa: S608 - as above
    ]


def _refund(total: int) -> str:
    return f"""
        INSERT INTO refunds (account_id, subscription_id, kind, overridden, currency, total_minor, requested_on)
        VALUES (:account, :subscription, 'part', true, 'EUR', {total}, :today)
    """  # noqa: S608 - as above


def _reversal(gross: int, *, made_at: str = ":now") -> str:
    return f"""
        INSERT INTO reversals (account_id, subscription_id, charge_id, refund_id, currency, net_minor, vat_minor,
                               gross_minor, frozen, reversed_on, made_at)
        SELECT :account, :subscription, :charge, max(id), 'EUR', {gross}, 0, {gross}, '{{}}', :today, {made_at}
        FROM refunds
    """  # noqa: S608 - as above


def _payout(amount: int, *, also: str = "", values: str = "") -> str:
    return f"""
        INSERT INTO payouts (refund_id, charge_id, currency, amount_minor{also})
        SELECT max(id), :charge, 'EUR', {amount}{values} FROM refunds
    """  # noqa: S608 - as above


_DOCUMENT = """
    INSERT INTO invoices (account_id, charge_id, kind, series, year, sequence, number, issued_on, paid_on, currency,
                          net_minor, vat_minor, gross_minor, snapshot, snapshot_sha256, reversal_id, created_at)
"""
_CORRECTION = """
    INSERT INTO corrections (account_id, charge_id, currency, net_minor, vat_minor, gross_minor, to_credit_minor,
                             to_refund_minor, frozen, corrected_on, made_at)
    VALUES (:account, :charge, 'EUR', 100, 0, 100, 0, 0, '{}', :today, :now)
"""
_PLANTED_CHARGE = "(SELECT id FROM charges WHERE provider_intent = 'pi_planted')"
_CREDIT = (
    "INSERT INTO credit_entries (account_id, currency, amount_minor, kind) VALUES (:account_b, 'EUR', {sum}, 'import')"
)
_USED = """
    INSERT INTO credit_entries (account_id, currency, amount_minor, kind, charge_id)
    VALUES (:account_b, 'EUR', -1, 'used', {charge})
"""
_DECLINED = ", tries, first_declined_on, next_try_on, suspends_on"
_NOTHING_BEFORE_TODAY = "cast(:today AS date) + 3, cast(:today AS date) + 7"
_NOT_PRINTED_YET = "now() + interval '1 hour'"

PLANTED: Mapping[str, list[str]] = {
    "terms_overlap": [
        "ALTER TABLE terms DROP CONSTRAINT terms_never_overlap",
        "UPDATE terms SET starts_on = starts_on - 5 WHERE charge_id = :charge",
    ],
    "gap_without_suspension": ["UPDATE terms SET starts_on = starts_on + 1 WHERE charge_id = :charge"],
    "off_its_last_term": ["UPDATE subscriptions SET paid_until = paid_until + 1 WHERE id = :subscription"],
    "configuration_in_force": ["UPDATE configurations SET in_force = false WHERE id = :configuration"],
    "configuration_of_lots": ["UPDATE configurations SET agents = 4 WHERE id = :configuration"],
    "currency_of_account": ["UPDATE accounts SET currency = 'PLN' WHERE id = :account"],
    "open_orders": ["DROP INDEX charges_order_key", *_order("created"), *_order("created")],
    "live_subscriptions": [
        "DROP INDEX subscriptions_live_key",
        "UPDATE subscriptions SET account_id = :account WHERE id = :subscription_b",
    ],
    "pending_without_order": ["UPDATE subscriptions SET status = 'pending' WHERE id = :subscription"],
    "renewal_missed": [_ENDED, _STANDS_THERE.format(renews="true")],
    "dunning_overrun": [
        _charge("declined", also=_DECLINED, values=", 1, :today, cast(:today AS date) - 1, :today"),
        f"""
        INSERT INTO mails (account_id, kind, subject_key, data) SELECT :account_b, 'payment_declined',
        'charge:' || id || ':' || 'declined', '{{}}' FROM charges WHERE id = {_PLANTED_CHARGE}
        """,  # noqa: S608 - as above
    ],
    "service_not_ended": [_ENDED, _STANDS_THERE.format(renews="false")],
    "decline_not_told": [_charge("declined", also=_DECLINED, values=f", 1, :today, {_NOTHING_BEFORE_TODAY}")],
    "notice_stands": [
        """
        INSERT INTO notices (account_id, subscription_id, kind, term_number, ends_on)
        SELECT account_id, id, 'term_ending', term_number, paid_until FROM subscriptions WHERE id = :subscription
        """,
    ],
    "notice_missing": [
        "UPDATE subscriptions SET auto_renew = false WHERE id = :subscription_b",
        "INSERT INTO runs (job, business_date, trigger, requested_by) VALUES ('remind', :today, 'timetable', 'a test')",
    ],
    "credit_overdrawn": [_CREDIT.format(sum=-1)],
    "goodwill_overdrawn": [
        """
        INSERT INTO goodwill_entries (account_id, currency, amount_minor, kind)
        VALUES (:account, 'EUR', -1, 'granted')
        """
    ],
    "parts_of_gross": [
        "ALTER TABLE charges DROP CONSTRAINT charges_gross_is_paid_somehow",
        "UPDATE charges SET amount_minor = amount_minor - 1 WHERE id = :charge",
    ],
    "charged_as_quoted": _order("created", quoted=99),
    "credit_of_sold": [_CREDIT.format(sum=1), _USED.format(charge=":charge")],
    "credit_of_open": [
        _charge("created"),
        "UPDATE charges SET amount_minor = 99, credit_used_minor = 1 WHERE provider_intent = 'pi_planted'",
    ],
    "credit_of_failed": [_charge("cancelled"), _CREDIT.format(sum=1), _USED.format(charge=_PLANTED_CHARGE)],
    "carried_into_nothing": [
        _charge("cancelled"),
        f"""
        INSERT INTO carried_sums (account_id, currency, amount_minor, from_charge_id, into_charge_id)
        VALUES (:account, 'EUR', 5, :charge, {_PLANTED_CHARGE})
        """,  # noqa: S608 - as above
    ],
    "term_of_charge": ["UPDATE charges SET buys_term = false WHERE id = :charge"],
    "term_charged_twice": [
        "DROP INDEX charges_term_key",
        _charge("succeeded", who="", also=", paid_at", values=", :now"),
    ],
    "answers_of_attempts": ["UPDATE attempts SET state = 'sent' WHERE charge_id = :charge"],
    "success_without_payment": ["UPDATE charges SET provider_intent = NULL WHERE id = :charge"],
    "reversed_too_much": [_refund(0), _reversal(9999, made_at="cast(:now AS timestamptz) + interval '1 day'")],
    "unused_part_reversed": [
        """
        INSERT INTO reversals (account_id, subscription_id, cause_charge_id, currency, net_minor, vat_minor,
                               gross_minor, frozen, reversed_on, made_at)
        VALUES (:account, :subscription, :charge, 'EUR', 5, 0, 5, '{}', :today, :now)
        """,
    ],
    "paid_out_too_much": [_refund(9999), _payout(9999)],
    "returned_order_pays_back": _order("succeeded", also=", paid_at, returned_at", values=", :now, :now"),
    "correction_whole": [_CORRECTION],
    "payouts_of_refund": [_refund(5)],
    "invoice_of_paid": _order("succeeded", also=", paid_at", values=", :now"),
    "invoice_of_unpaid": [
        _charge("cancelled"),
        f"""
        {_DOCUMENT} VALUES (:account_b, {_PLANTED_CHARGE}, 'invoice', 'invoice', 2026, 2, '2', :today, :today,
        'EUR', 100, 0, 100, '{{}}', '', NULL, {_NOT_PRINTED_YET})
        """,
    ],
    "credit_note_of_reversal": [_refund(0), _reversal(5)],
    "credited_too_much": [
        "ALTER TABLE invoices DISABLE TRIGGER USER",
        _refund(0),
        _reversal(9999),
        f"""
        {_DOCUMENT} SELECT :account, :charge, 'credit_note', 'credit_note', 2026, 1, 'D1', :today, :today, 'EUR',
        9999, 0, 9999, '{{}}', '', max(id), {_NOT_PRINTED_YET} FROM reversals
        """,  # noqa: S608 - as above
    ],
    "one_in_force": [
        _CORRECTION,
        f"""
        INSERT INTO reversals (account_id, subscription_id, charge_id, correction_id, currency, net_minor, vat_minor,
                               gross_minor, frozen, reversed_on, made_at)
        SELECT account_id, :subscription, charge_id, id, 'EUR', 100, 0, 100, '{{}}', :today, {_NOT_PRINTED_YET}
        FROM corrections
        """,  # noqa: S608 - as above
        f"""
        INSERT INTO invoices (account_id, charge_id, correction_id, kind, series, year, sequence, number, issued_on,
                              paid_on, currency, net_minor, vat_minor, gross_minor, snapshot, snapshot_sha256,
                              created_at)
        SELECT account_id, charge_id, id, 'invoice', 'invoice', 2026, 2, '2', :today, :today, 'EUR', 100, 0, 100,
               '{{}}', '', {_NOT_PRINTED_YET} FROM corrections
        """,  # noqa: S608 - as above
        "UPDATE number_series SET next_sequence = 3 WHERE series = 'invoice'",
    ],
    "numbers_without_gaps": ["INSERT INTO number_series (series, year, next_sequence) VALUES ('invoice', 2026, 3)"],
    "pages_of_documents": [
        "ALTER TABLE invoice_documents DISABLE TRIGGER USER",
        "DELETE FROM invoice_documents WHERE invoice_id = :invoice",
    ],
    "documents_mailed": ["DELETE FROM mails WHERE invoice_id = :invoice"],
    "one_mail_per_reason": [
        """
        INSERT INTO mails (account_id, kind, subject_key, data, invoice_id)
        VALUES (:account, 'invoice_issued', 'again', '{}', :invoice)
        """,
    ],
    "reverse_charge_proven": [
        """
        UPDATE charges SET frozen = frozen || '{"vat": {"treatment": "reverse_charge"}, "vat_number": "PL5260001246"}'
        WHERE id = :charge
        """,
    ],
    "numbers_wait": [
        """
        INSERT INTO vat_numbers (account_id, number, state, unanswered, ask_at, created_at)
        VALUES (:account, 'PL5260001246', 'pending', 9, :now, '2026-01-01')
        """,
        "UPDATE billing_details SET vat_number = 'PL5260001246' WHERE account_id = :account",
    ],
    "items_wait": [
        "INSERT INTO runs (job, business_date, trigger, requested_by) VALUES ('renew', :today, 'timetable', 'a test')",
        """
        INSERT INTO work_items (run_id, job, key, payload, created_at, not_before)
        SELECT max(id), 'renew', 'a', '{}', now() - interval '1 day', now() - interval '1 day' FROM runs
        """,
    ],
    "charges_wait": [_charge("unknown", also=", created_at", values=", '2026-01-01'")],
    "payouts_wait": [_refund(5), _payout(5, also=", created_at", values=", cast('2026-01-01' AS timestamptz)")],
    "mails_wait": [
        """
        INSERT INTO mails (account_id, kind, subject_key, data, created_at)
        VALUES (:account, 'term_ending', 'a', '{}', '2026-01-01')
        """,
    ],
    "waiting_for_rate": _order("succeeded", also=", paid_at, paid_on", values=", :now, :today"),
    "erasures_wait": ["UPDATE accounts SET erasure_began_at = '2026-01-01' WHERE id = :account"],
}
ALSO: Mapping[str, set[str]] = {
    "term_charged_twice": {"term_of_charge", "invoice_of_paid"},
    "credited_too_much": {"reversed_too_much"},
}
"""What cannot be wrong without something else being wrong too."""
