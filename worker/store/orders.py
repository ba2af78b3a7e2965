"""Orders: what a quote is made from, quotes as they were shown, and charges that were ordered."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from worker.store.claims import FREE
from worker.store.configurations import SCHEDULED
from worker.store.vat_numbers import EVIDENCE, EVIDENCE_JOIN

_OPEN = "('succeeded', 'failed', 'cancelled')"

# What an open charge has taken comes back before an order replaces it, so a quote counts with it.
_BASIS = text(f"""
    SELECT a.id AS account_id, a.external_id, a.locale, a.currency, a.provider_customer,
           b.company, b.street, b.city, b.postcode, b.country, b.email, b.vat_number,
           s.id AS subscription_id, s.status, s.auto_renew, s.paid_until, s.term_number, s.anchor_on, s.anchor_number,
           f.id AS configuration_id, f.package, f.interval, f.conversation_block, f.agent_lots, f.block_lots,
           f.currency AS bought_in, t.number AS paid_number, t.starts_on, t.ends_on,
           sold.net_minor - back.net_minor AS sold_net_left, sold.vat_minor - back.vat_minor AS sold_vat_left,
           sold.id AS sold_by, sold.frozen AS sold, sold.buys_term AS sold_term, sold.goodwill_minor AS sold_goodwill,
           m.id AS method_id, cast(:currency AS text) AS pay_in, {SCHEDULED}, {EVIDENCE},
           (SELECT coalesce(sum(e.amount_minor), 0)::bigint FROM credit_entries e
            WHERE e.account_id = a.id AND e.currency = :currency AND NOT (e.kind = 'used' AND e.charge_id IN (
                SELECT id FROM charges WHERE account_id = a.id AND state NOT IN {_OPEN}))) AS credit_minor,
           (SELECT coalesce(sum(k.amount_minor), 0)::bigint FROM carried_sums k
            WHERE k.account_id = a.id AND k.currency = :currency AND k.refund_id IS NULL
              AND (k.into_charge_id IS NULL OR k.into_charge_id IN (
                SELECT id FROM charges WHERE account_id = a.id AND state NOT IN {_OPEN}))) AS carried_in_minor,
           (SELECT coalesce(sum(g.amount_minor), 0)::bigint FROM goodwill_entries g
            WHERE g.account_id = a.id AND g.currency = :currency AND NOT (g.kind = 'used' AND g.charge_id IN (
                SELECT id FROM charges WHERE account_id = a.id AND state NOT IN {_OPEN}))) AS goodwill_minor,
           EXISTS (SELECT 1 FROM disputes d WHERE d.account_id = a.id AND d.released_at IS NULL) AS disputed
    FROM accounts a
    LEFT JOIN billing_details b ON b.account_id = a.id AND b.superseded_at IS NULL
    {EVIDENCE_JOIN}
    LEFT JOIN LATERAL (
        SELECT * FROM subscriptions WHERE account_id = a.id AND status NOT IN ('pending', 'ended')
        ORDER BY (status IN ('active', 'past_due')) DESC, id DESC LIMIT 1
    ) s ON true
    LEFT JOIN configurations f ON f.subscription_id = s.id AND f.in_force
    LEFT JOIN LATERAL (
        SELECT * FROM terms WHERE subscription_id = s.id AND origin <> 'gift' ORDER BY number DESC LIMIT 1
    ) t ON true
    LEFT JOIN LATERAL (
        SELECT * FROM charges WHERE subscription_id = s.id AND configuration_id = f.id AND state = 'succeeded'
          AND returned_at IS NULL
        ORDER BY paid_at DESC, id DESC LIMIT 1
    ) sold ON true
    LEFT JOIN LATERAL (
        SELECT coalesce(sum(net_minor), 0)::bigint AS net_minor, coalesce(sum(vat_minor), 0)::bigint AS vat_minor
        FROM reversals WHERE charge_id = sold.id
    ) back ON true
    LEFT JOIN payment_methods m ON m.account_id = a.id AND m.state = 'in_use'
    WHERE a.id = :account
""")  # noqa: S608 - no value is put into the text


def basis(connection: Connection, account: int, *, currency: str) -> Row[Any]:
    """All that a quote is made from: details, subscription, its last paid term, who sold it, purse in a currency."""
    return connection.execute(_BASIS, {"account": account, "currency": currency}).one()


_CURRENCY = text("SELECT currency FROM accounts WHERE id = :account")


def currency_of(connection: Connection, account: int) -> str:
    """The currency that the account pays in."""
    return str(connection.execute(_CURRENCY, {"account": account}).scalar_one())


_KEEP_QUOTE = text("""
    INSERT INTO quotes (account_id, subscription_id, purpose, priced_on, made_at, valid_until, currency,
                        to_charge_minor, wish, offer, offer_sha256)
    VALUES (:account, :subscription, :purpose, :priced_on, :made_at, :valid_until, :currency, :to_charge_minor,
            :wish, :offer, :sha256)
    RETURNING uid
""").bindparams(bindparam("wish", type_=JSONB), bindparam("offer", type_=JSONB))


def keep_quote(connection: Connection, quote: Mapping[str, object]) -> UUID:
    """Keep what was shown; returns the quote's name."""
    found: UUID = connection.execute(_KEEP_QUOTE, dict(quote)).scalar_one()
    return found


_QUOTE = text("""
    SELECT q.id, q.uid, q.purpose, q.priced_on, q.made_at, q.valid_until, q.currency, q.wish, q.offer_sha256,
           c.uid AS order_uid
    FROM quotes q LEFT JOIN charges c ON c.quote_id = q.id WHERE q.account_id = :account AND q.uid = :uid
""")


def quote(connection: Connection, account: int, uid: UUID) -> Row[Any] | None:
    """The account's quote of that name, with the order that confirmed it, if one did."""
    return connection.execute(_QUOTE, {"account": account, "uid": uid}).one_or_none()


_OPEN_CHARGES = text("""
    SELECT c.id, c.uid, c.state, c.purpose, c.provider_intent, q.made_at AS quoted_at
    FROM charges c LEFT JOIN quotes q ON q.id = c.quote_id
    WHERE c.account_id = :account AND c.state NOT IN ('succeeded', 'failed', 'cancelled')
    ORDER BY c.id FOR UPDATE OF c
""")


def lock_open_charges(connection: Connection, account: int) -> Sequence[Row[Any]]:
    """The account's open charges, with the time of an order's quote; none moves on until the transaction ends."""
    return connection.execute(_OPEN_CHARGES, {"account": account}).all()


_HAS_OPEN = text(f"SELECT EXISTS (SELECT 1 FROM charges WHERE account_id = :account AND state NOT IN {_OPEN})")  # noqa: S608 - no value is put into the text


def has_open_charge(connection: Connection, account: int) -> bool:
    """Whether the account has an open charge now; waits for nobody."""
    return bool(connection.execute(_HAS_OPEN, {"account": account}).scalar_one())


_NEW_SUBSCRIPTION = text("""
    INSERT INTO subscriptions (account_id, status, auto_renew, interval, anchor_on, anchor_number, term_number,
                               paid_until)
    VALUES (:account, 'pending', false, :interval, :starts_on, 1, 0, :starts_on)
    RETURNING id
""")


def new_subscription(connection: Connection, account: int, *, interval: str, starts_on: date) -> int:
    """A subscription that waits for its first payment."""
    values = {"account": account, "interval": interval, "starts_on": starts_on}
    return int(connection.execute(_NEW_SUBSCRIPTION, values).scalar_one())


# An order in place of a declined renewal goes on in its schedule: ordering buys no time (R12d).
_REPLACED = """
    FROM charges WHERE :buys_term AND subscription_id = :subscription_id AND term_number = :term_number AND buys_term
                   AND state = 'cancelled' AND first_declined_on IS NOT NULL ORDER BY id DESC LIMIT 1
"""
_ORDER = text(f"""
    INSERT INTO charges (account_id, subscription_id, purpose, term_number, business_date, state, configuration_id,
                         starts_on, ends_on, currency, net_minor, vat_minor, gross_minor, carried_in_minor,
                         credit_used_minor, carried_out_minor, amount_minor, frozen, quote_id, payer, buys_term,
                         anchor_on, base_configuration_id, pay_until, unused_minor, goodwill_minor,
                         first_declined_on, suspends_on)
    VALUES (:account_id, :subscription_id, :purpose, :term_number, :business_date, 'priced', :configuration_id,
            :starts_on, :ends_on, :currency, :net_minor, :vat_minor, :gross_minor, :carried_in_minor,
            :credit_used_minor, :carried_out_minor, :amount_minor, :frozen, :quote_id, :payer, :buys_term,
            :anchor_on, :base_configuration_id, :pay_until, :unused_minor, :goodwill_minor,
            (SELECT first_declined_on {_REPLACED}), (SELECT suspends_on {_REPLACED}))
    RETURNING id, uid
""").bindparams(bindparam("frozen", type_=JSONB))  # noqa: S608 - no value is put into the text
_RESERVE = text("""
    INSERT INTO credit_entries (account_id, currency, amount_minor, kind, charge_id)
    SELECT account_id, currency, -cast(:reserved AS bigint), 'used', id FROM charges
    WHERE id = :charge AND cast(:reserved AS bigint) > 0
""")
_TAKE_CARRIED = text("""
    UPDATE carried_sums k SET into_charge_id = c.id FROM charges c
    WHERE c.id = :charge AND c.carried_in_minor > 0 AND k.account_id = c.account_id AND k.currency = c.currency
      AND k.into_charge_id IS NULL AND k.refund_id IS NULL
""")
_TAKE_GOODWILL = text("""
    INSERT INTO goodwill_entries (account_id, currency, amount_minor, kind, charge_id)
    SELECT account_id, currency, -goodwill_minor, 'used', id FROM charges WHERE id = :charge AND goodwill_minor > 0
""")


def add_order(connection: Connection, values: Mapping[str, object], *, reserved_minor: int) -> Row[Any]:
    """Write an order's charge, and take the credit, the carried sums and the goodwill that it uses.

    `reserved_minor` is what it uses of the credit that is there already; the rest comes from what it gives back.
    """
    row = connection.execute(_ORDER, dict(values)).one()
    connection.execute(_RESERVE, {"charge": row.id, "reserved": reserved_minor})
    connection.execute(_TAKE_CARRIED, {"charge": row.id})
    connection.execute(_TAKE_GOODWILL, {"charge": row.id})
    return row


_BY_UID = text("""
    SELECT c.id, c.uid, c.state, c.amount_minor, c.currency, c.provider_intent, c.decline_kind, c.decline_code,
           c.payer, c.returned_at, c.parked_at, c.starts_on, c.ends_on, c.pay_until
    FROM charges c WHERE c.account_id = :account AND c.uid = :uid AND c.purpose <> 'renewal'
""")


def order(connection: Connection, account: int, uid: UUID) -> Row[Any] | None:
    """The account's order of that name, as it stands."""
    return connection.execute(_BY_UID, {"account": account, "uid": uid}).one_or_none()


_LEFT_BEHIND = text(f"""
    SELECT c.id FROM charges c
    WHERE c.purpose <> 'renewal' AND c.parked_at IS NULL
      AND (c.state = 'priced' OR c.state = 'created' AND c.payer = 'saved_method' AND c.check_after IS NULL)
      AND c.pay_until > :now AND (cast(:only AS bigint) IS NULL OR c.subscription_id = :only)
      AND {FREE.format(alias="c")}
    ORDER BY c.id FOR UPDATE OF c SKIP LOCKED
""")  # noqa: S608 - no value is put into the text
_UNPAID = text(f"""
    SELECT c.id FROM charges c
    WHERE c.purpose <> 'renewal' AND c.state IN ('priced', 'created', 'declined', 'cancelling')
      AND c.parked_at IS NULL AND c.pay_until <= :now
      AND (cast(:only AS bigint) IS NULL OR c.subscription_id = :only)
      AND {FREE.format(alias="c")}
    ORDER BY c.id FOR UPDATE OF c SKIP LOCKED
""")  # noqa: S608 - no value is put into the text
_GIVE_UP = text("""
    UPDATE charges SET state = 'cancelling'
    WHERE id = ANY(:ids) AND work_item_id = :item AND state IN ('priced', 'created', 'declined')
      AND parked_at IS NULL AND pay_until <= :now
""")


def left_behind(connection: Connection, *, now: datetime, only: int | None) -> list[int]:
    """Orders that nobody works on and that are not with the customer: their worker died, or the provider was away."""
    return list(connection.execute(_LEFT_BEHIND, {"now": now, "only": only}).scalars())


def unpaid(connection: Connection, *, now: datetime, only: int | None) -> list[int]:
    """Orders whose time to pay is over (R4)."""
    return list(connection.execute(_UNPAID, {"now": now, "only": only}).scalars())


def give_up_unpaid(connection: Connection, ids: Sequence[int], *, item: int, now: datetime) -> None:
    """Write the intent to cancel them before the provider is called; what was paid meanwhile stays."""
    connection.execute(_GIVE_UP, {"ids": list(ids), "item": item, "now": now})


_LOCK_ACCOUNTS = text("""
    SELECT a.id FROM accounts a
    WHERE a.id IN (SELECT account_id FROM charges WHERE id = ANY(:ids) AND purpose <> 'renewal')
    ORDER BY a.id FOR NO KEY UPDATE
""")


def lock_accounts(connection: Connection, charge_ids: Sequence[int]) -> None:
    """Lock the accounts of those of the charges that are orders, as an act at the desk does."""
    connection.execute(_LOCK_ACCOUNTS, {"ids": list(charge_ids)})


_PAID = text("""
    SELECT c.id, c.account_id, c.subscription_id, c.purpose, c.buys_term, c.term_number, c.starts_on, c.ends_on,
           c.currency, c.amount_minor, c.gross_minor, c.unused_minor, c.frozen, c.base_configuration_id,
           c.carried_out_minor, s.status, s.term_number AS present_number, f.id AS present_configuration,
           ordered.interval, ordered.package, b.company, a.external_id,
           EXISTS (SELECT 1 FROM subscriptions o WHERE o.account_id = c.account_id AND o.id <> s.id
                   AND o.status IN ('active', 'past_due')) AS another_live
    FROM charges c
    JOIN accounts a ON a.id = c.account_id
    JOIN subscriptions s ON s.id = c.subscription_id
    JOIN configurations ordered ON ordered.id = c.configuration_id
    LEFT JOIN configurations f ON f.subscription_id = s.id AND f.in_force
    LEFT JOIN billing_details b ON b.account_id = c.account_id AND b.superseded_at IS NULL
    WHERE c.id = :charge FOR UPDATE OF s
""")


def paid_order(connection: Connection, charge: int) -> Row[Any]:
    """A paid order beside its subscription as it stands now, which is locked."""
    return connection.execute(_PAID, {"charge": charge}).one()


_REDATE = text("""
    UPDATE charges SET starts_on = :starts_on, ends_on = :ends_on, anchor_on = :starts_on WHERE id = :charge
""")
_CUT_TERMS = text("""
    UPDATE terms t SET ends_on = greatest(t.starts_on, c.starts_on)
    FROM charges c
    WHERE c.id = :charge AND t.subscription_id = c.subscription_id AND t.number < c.term_number
      AND t.ends_on > c.starts_on
""")
_RENEWAL_ON = text("""
    UPDATE subscriptions s SET auto_renew = s.auto_renew OR (c.frozen ->> 'renewal_on')::boolean,
                               first_paid_on = coalesce(s.first_paid_on, :today)
    FROM charges c WHERE c.id = :charge AND s.id = c.subscription_id
""")
_GIVE_CREDIT = text("""
    INSERT INTO credit_entries (account_id, currency, amount_minor, kind, charge_id)
    SELECT c.account_id, c.currency, v.amount, v.kind, c.id
    FROM charges c
    CROSS JOIN LATERAL (VALUES (c.unused_minor, 'unused'),
                               (-(c.frozen -> 'unused' ->> 'applied_minor')::bigint, 'applied')) AS v (amount, kind)
    WHERE c.id = :charge AND c.unused_minor > 0 AND v.amount <> 0
""")
_REVERSE = text("""
    INSERT INTO reversals (account_id, subscription_id, charge_id, cause_charge_id, currency, net_minor, vat_minor,
                           gross_minor, frozen, reversed_on, made_at)
    SELECT c.account_id, c.subscription_id, (c.frozen -> 'unused' ->> 'sold_by')::bigint, c.id, c.currency,
           (c.frozen -> 'unused' ->> 'net_minor')::bigint, (c.frozen -> 'unused' ->> 'vat_minor')::bigint,
           c.unused_minor, c.frozen -> 'unused', :today, :now
    FROM charges c WHERE c.id = :charge AND c.unused_minor > 0
""")
_PAY_IN = text("""
    UPDATE accounts a SET currency = c.currency FROM charges c
    WHERE c.id = :charge AND c.purpose = 'purchase' AND a.id = c.account_id AND a.currency <> c.currency
""")
_VOID_SCHEDULED = text("""
    UPDATE scheduled_changes h SET state = 'void', decided_at = :now FROM charges c
    WHERE c.id = :charge AND (c.frozen ->> 'renewal_on')::boolean AND h.subscription_id = c.subscription_id
      AND h.state = 'waiting'
""")


def redate(connection: Connection, charge: int, *, starts_on: date, ends_on: date) -> None:
    """The term that it buys starts on another day than was quoted, and is the anchor of those to come."""
    connection.execute(_REDATE, {"charge": charge, "starts_on": starts_on, "ends_on": ends_on})


def cut_terms(connection: Connection, charge: int) -> None:
    """Earlier terms end where the one that it buys starts; one that had not begun keeps no day."""
    connection.execute(_CUT_TERMS, {"charge": charge})


def take_effect(connection: Connection, charge: int, *, now: datetime, today: date) -> None:
    """What a carried-out order brings beside its term: renewal, credit of the unused part, its reversal (R15b).

    A purchase settles the account's currency (R3); what was scheduled before a new beginning is void.
    """
    connection.execute(_RENEWAL_ON, {"charge": charge, "today": today})
    connection.execute(_GIVE_CREDIT, {"charge": charge})
    connection.execute(_REVERSE, {"charge": charge, "today": today, "now": now})
    connection.execute(_PAY_IN, {"charge": charge})
    connection.execute(_VOID_SCHEDULED, {"charge": charge, "now": now})


_RETURNED = text("UPDATE charges SET returned_at = :now WHERE id = :charge")


def mark_returned(connection: Connection, charge: int, *, now: datetime) -> None:
    """The order could not be carried out: its money goes back, it is not invoiced, and its term is free again."""
    connection.execute(_RETURNED, {"charge": charge, "now": now})
