"""Configurations: what a subscription has, in lots; and what an account brings to a charge, in one place."""

from typing import Any

from sqlalchemy import Connection, Row, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.sql import bindparam

from worker.billing.calendar import Interval
from worker.billing.catalogue import Package
from worker.billing.holdings import Holdings, Lot
from worker.billing.money import Currency

PURSE = """
    coalesce((SELECT sum(e.amount_minor) FROM credit_entries e
              WHERE e.account_id = a.id AND e.currency = {currency}), 0)::bigint AS credit_minor,
    coalesce((SELECT sum(k.amount_minor) FROM carried_sums k
              WHERE k.account_id = a.id AND k.currency = {currency} AND k.into_charge_id IS NULL
                AND k.refund_id IS NULL), 0)::bigint AS carried_in_minor,
    coalesce((SELECT sum(g.amount_minor) FROM goodwill_entries g
              WHERE g.account_id = a.id AND g.currency = {currency}), 0)::bigint AS goodwill_minor
"""
"""SQL: credit, carried sums and goodwill of the account `a`. Format with the currency, a column or a parameter."""

SCHEDULED = """
    (SELECT jsonb_object_agg(h.kind, h.priced_on) FROM scheduled_changes h
     WHERE h.subscription_id = s.id AND h.state = 'waiting' AND h.not_before <= s.paid_until) AS scheduled
"""
"""SQL: what comes with the next term of the subscription `s`, as kind and the day whose prices it brings, else null."""


def holdings_of(row: Row[Any]) -> Holdings:
    """The holdings of a row with a configuration's columns and, as `bought_in`, its currency."""
    return Holdings(
        package=Package(row.package),
        interval=Interval(row.interval),
        currency=Currency(row.bought_in),
        agents=_lots(row.agent_lots),
        blocks=_lots(row.block_lots),
        conversation_block=row.conversation_block,
    )


def _lots(listed: list[list[int]]) -> tuple[Lot, ...]:
    return tuple(Lot(quantity, price_minor) for quantity, price_minor in listed)


_ADD = text("""
    INSERT INTO configurations (subscription_id, package, interval, currency, agents, extra_conversations,
                                conversation_block, agent_lots, block_lots, list_minor, in_force)
    VALUES (:subscription, :package, :interval, :currency, :agents, :extra, :block, :agent_lots, :block_lots,
            :list_minor, false)
    RETURNING id
""").bindparams(bindparam("agent_lots", type_=JSONB), bindparam("block_lots", type_=JSONB))


def add(connection: Connection, subscription: int, holdings: Holdings) -> int:
    """Keep a configuration that is not in force yet: a paid charge brings it. Returns its number."""
    values = {
        "subscription": subscription,
        "package": holdings.package.value,
        "interval": holdings.interval.value,
        "currency": holdings.currency.value,
        "agents": holdings.agent_count,
        "extra": holdings.extra_conversations,
        "block": holdings.conversation_block,
        "agent_lots": [[lot.quantity, lot.unit_price_minor] for lot in holdings.agents],
        "block_lots": [[lot.quantity, lot.unit_price_minor] for lot in holdings.blocks],
        "list_minor": sum(line.net_minor for line in holdings.lines),
    }
    return int(connection.execute(_ADD, values).scalar_one())
