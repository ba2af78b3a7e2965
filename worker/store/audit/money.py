"""Charges are what was sold, once, and credit and goodwill are what the charges say. Sums are minor units."""

from collections.abc import Sequence

from worker.store.audit.invariant import Invariant

_ENTRIES = """
    SELECT c.id, c.account_id, c.subscription_id, c.state, c.returned_at, c.credit_used_minor, c.unused_minor,
           c.goodwill_minor, coalesce((c.frozen -> 'unused' ->> 'applied_minor')::bigint, 0) AS applied_minor,
           coalesce(e.used, 0) AS used, coalesce(e.returned, 0) AS returned, coalesce(e.unused, 0) AS unused,
           coalesce(e.applied, 0) AS applied, coalesce(g.goodwill, 0) AS goodwill,
           'charge ' || c.id || ' says credit ' || c.credit_used_minor || ', unused ' || c.unused_minor
           || ' and goodwill ' || c.goodwill_minor || '; the ledgers say credit '
           || -coalesce(e.used + e.returned + e.applied, 0) || ', unused ' || coalesce(e.unused, 0)
           || ' and goodwill ' || -coalesce(g.goodwill, 0) AS told
    FROM charges c
    LEFT JOIN (SELECT charge_id,
                      coalesce(sum(amount_minor) FILTER (WHERE kind = 'used'), 0) AS used,
                      coalesce(sum(amount_minor) FILTER (WHERE kind = 'returned'), 0) AS returned,
                      coalesce(sum(amount_minor) FILTER (WHERE kind = 'unused'), 0) AS unused,
                      coalesce(sum(amount_minor) FILTER (WHERE kind = 'applied'), 0) AS applied
               FROM credit_entries WHERE charge_id IS NOT NULL GROUP BY charge_id) e ON e.charge_id = c.id
    LEFT JOIN (SELECT charge_id, sum(amount_minor) AS goodwill
               FROM goodwill_entries WHERE charge_id IS NOT NULL GROUP BY charge_id) g ON g.charge_id = c.id
"""
_FROM_ENTRIES = f"SELECT c.id, c.account_id, c.subscription_id, c.told FROM ({_ENTRIES}) c"  # noqa: S608 - constants only

INVARIANTS: Sequence[Invariant] = (
    Invariant(
        "credit_overdrawn",
        "R12c an account's credit is overdrawn",
        "Credit was spent twice.",
        """
        SELECT account_id, account_id, cast(NULL AS bigint), 'the credit is ' || sum(amount_minor) || ' ' || currency
        FROM credit_entries GROUP BY account_id, currency HAVING sum(amount_minor) < 0""",
    ),
    Invariant(
        "goodwill_overdrawn",
        "R15b an account's goodwill is overdrawn",
        "A discount was given twice.",
        """
        SELECT account_id, account_id, cast(NULL AS bigint), 'the goodwill is ' || sum(amount_minor) || ' ' || currency
        FROM goodwill_entries GROUP BY account_id, currency HAVING sum(amount_minor) < 0""",
    ),
    Invariant(
        "parts_of_gross",
        "the parts of a charge are not its gross sum",
        "A customer paid more or less than the invoice says.",
        """
        SELECT c.id, c.account_id, c.subscription_id, 'charge ' || c.id || ': ' || c.amount_minor || ' charged, '
               || c.credit_used_minor || ' from credit, ' || c.carried_out_minor || ' carried, of ' || c.gross_minor
        FROM charges c
        WHERE gross_minor <> amount_minor + credit_used_minor + carried_out_minor OR gross_minor < 0""",
    ),
    Invariant(
        "charged_as_quoted",
        "R4 what is charged is not what was quoted",
        "A buyer pays another sum than was shown.",
        """
        SELECT c.id, c.account_id, c.subscription_id, 'charge ' || c.id || ' is of ' || c.amount_minor || ' '
               || c.currency || ', quoted were ' || q.to_charge_minor || ' ' || q.currency
        FROM charges c JOIN quotes q ON q.id = c.quote_id
        WHERE (c.amount_minor, c.currency) <> (q.to_charge_minor, q.currency)""",
    ),
    Invariant(
        "credit_of_sold",
        "a sold charge has other credit entries than it says",
        "The invoice says that credit was used or given back, and the account's credit says otherwise.",
        f"""{_FROM_ENTRIES} WHERE {{sold}}
          AND (used + returned + applied <> -credit_used_minor OR unused <> unused_minor OR applied <> -applied_minor
               OR goodwill <> -goodwill_minor)""",
    ),
    Invariant(
        "credit_of_open",
        "an open charge has not reserved the credit that it will use",
        "The same credit may be spent by another charge meanwhile.",
        f"""{_FROM_ENTRIES} WHERE {{open}} AND state <> 'planned'
          AND (used + returned <> applied_minor - credit_used_minor OR unused <> 0 OR goodwill <> -goodwill_minor)""",
    ),
    Invariant(
        "credit_of_failed",
        "a charge that came to nothing has kept credit or goodwill",
        "Credit of a customer is gone, and nothing was bought with it.",
        f"""{_FROM_ENTRIES} WHERE (state IN ('failed', 'cancelled') OR returned_at IS NOT NULL)
          AND (used + returned <> 0 OR unused <> 0 OR applied <> 0 OR goodwill <> 0)""",
    ),
    Invariant(
        "carried_into_nothing",
        "R7b a carried sum waits in a charge that came to nothing",
        "A small sum that was owed is never charged.",
        """
        SELECT k.id, k.account_id, c.subscription_id, k.amount_minor || ' ' || k.currency || ' wait in charge ' || c.id
               || ', which is ' || c.state
        FROM carried_sums k JOIN charges c ON c.id = k.into_charge_id
        WHERE c.state IN ('failed', 'cancelled') OR c.returned_at IS NOT NULL""",
    ),
    Invariant(
        "term_of_charge",
        "a term is not sold by exactly one paid charge",
        "A customer paid and has no term, or has a term that nobody paid for.",
        """
        SELECT c.id, c.account_id, c.subscription_id, 'charge ' || c.id || ' is ' || c.state || ' and has '
               || coalesce(t.terms, 0) || ' terms'
        FROM charges c LEFT JOIN (
          SELECT charge_id, count(*) AS terms FROM terms WHERE charge_id IS NOT NULL GROUP BY charge_id) t
          ON t.charge_id = c.id
        WHERE coalesce(t.terms, 0) <> CASE WHEN {sold} AND c.buys_term THEN 1 ELSE 0 END""",
    ),
    Invariant(
        "term_charged_twice",
        "R8 a term was paid for twice",
        "A customer was charged twice for one renewal.",
        """
        SELECT max(c.id), c.account_id, c.subscription_id, 'term ' || c.term_number || ' was paid ' || count(*)
               || ' times, last by charge ' || max(c.id)
        FROM charges c WHERE {sold} AND c.buys_term
        GROUP BY c.account_id, c.subscription_id, c.term_number HAVING count(*) > 1""",
    ),
    Invariant(
        "answers_of_attempts",
        "a decided charge has an attempt without an answer, or two that succeeded",
        "A charge counts as settled while the provider may still charge, or a card was charged twice.",
        """
        SELECT c.id, c.account_id, c.subscription_id, 'charge ' || c.id || ' is ' || c.state || ' with '
               || count(*) FILTER (WHERE t.state = 'succeeded') || ' successes and '
               || count(*) FILTER (WHERE t.state IN ('sent', 'unknown', 'processing')) || ' open attempts'
        FROM charges c JOIN attempts t ON t.charge_id = c.id GROUP BY c.id
        HAVING count(*) FILTER (WHERE t.state = 'succeeded') > 1
            OR NOT {open} AND count(*) FILTER (WHERE t.state IN ('sent', 'unknown', 'processing')) > 0""",
    ),
    Invariant(
        "success_without_payment",
        "money came in for a charge that the provider does not know",
        "A term was given as paid, and no payment of the provider stands behind it.",
        """
        SELECT c.id, c.account_id, c.subscription_id, 'charge ' || c.id || ' of ' || c.amount_minor || ' ' || c.currency
               || ' has no PaymentIntent'
        FROM charges c WHERE c.state = 'succeeded' AND c.amount_minor > 0 AND c.provider_intent IS NULL""",
    ),
)
