"""VAT: every reverse charge has its proof, and no number waits for VIES for ever (R19b, R20)."""

from collections.abc import Sequence

from worker.store.audit.invariant import Invariant

NUMBER_DAYS = 3
"""States are away for a night now and then; a number that nobody could confirm for so long needs a look."""

_UNPROVEN = """
    SELECT c.id, c.account_id, c.subscription_id, 'charge ' || c.id || ' charges no VAT for '
           || coalesce(c.frozen ->> 'vat_number', 'no number')
    FROM charges c
    WHERE c.state NOT IN ('failed', 'cancelled') AND c.frozen -> 'vat' ->> 'treatment' = 'reverse_charge'
      AND NOT EXISTS (
          SELECT 1 FROM vat_checks k
          WHERE k.id = cast(c.frozen -> 'vat_evidence' ->> 'check' AS bigint) AND k.account_id = c.account_id
            AND k.number = c.frozen ->> 'vat_number' AND k.outcome = 'valid'
            AND k.told_on <= cast(c.frozen ->> 'tax_on' AS date))
"""
_NUMBERS = f"""
    SELECT n.id, n.account_id, cast(NULL AS bigint), n.number || ' is unconfirmed since ' || date(n.created_at)
    FROM vat_numbers n
    JOIN billing_details b ON b.account_id = n.account_id AND b.superseded_at IS NULL AND b.vat_number = n.number
    WHERE n.state = 'pending' AND n.created_at < now() - interval '{NUMBER_DAYS} days'
"""  # noqa: S608 - a number of this file

INVARIANTS: Sequence[Invariant] = (
    Invariant(
        "reverse_charge_proven",
        "R20 a charge without VAT has no confirmation of its VAT number from before it",
        "VAT may be owed on a sale for which none was charged.",
        _UNPROVEN,
    ),
    Invariant(
        "numbers_wait",
        "R19b a VAT number waits for its confirmation longer than it should",
        "VIES does not answer about a number, and its owner is charged VAT meanwhile.",
        _NUMBERS,
    ),
)
