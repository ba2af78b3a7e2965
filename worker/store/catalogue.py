"""The catalogue as stored: prices and allowances, added with the day from which they hold, never changed."""

from collections.abc import Sequence

from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from worker.billing.calendar import Interval
from worker.billing.catalogue import Allowance, Catalogue, Package, Price
from worker.billing.money import Currency
from worker.store.schema.catalogue import catalogue_allowances, catalogue_prices


def load_catalogue(connection: Connection) -> Catalogue:
    """The whole catalogue; it is small, and is read once for many rows."""
    prices = tuple(
        Price(
            package=Package(row.package),
            interval=Interval(row.interval),
            currency=Currency(row.currency),
            valid_from=row.valid_from,
            agent_price_minor=row.agent_price_minor,
            conversation_price_minor=row.conversation_price_minor,
        )
        for row in connection.execute(select(catalogue_prices))
    )
    allowances = tuple(
        Allowance(
            package=Package(row.package),
            valid_from=row.valid_from,
            included=row.included,
            limit=row.limit,
            block=row.block,
        )
        for row in connection.execute(select(catalogue_allowances))
    )
    return Catalogue(prices, allowances)


def save_prices(connection: Connection, prices: Sequence[Price]) -> int:
    """Add prices that are not there yet; what is there stays as it is. Returns how many were added."""
    rows = [
        {
            "package": price.package.value,
            "interval": price.interval.value,
            "currency": price.currency.value,
            "valid_from": price.valid_from,
            "agent_price_minor": price.agent_price_minor,
            "conversation_price_minor": price.conversation_price_minor,
        }
        for price in prices
    ]
    if not rows:
        return 0
    added = insert(catalogue_prices).values(rows).on_conflict_do_nothing()
    return len(connection.execute(added.returning(catalogue_prices.c.package)).all())


def save_allowances(connection: Connection, allowances: Sequence[Allowance]) -> int:
    """Add allowances that are not there yet; what is there stays as it is. Returns how many were added."""
    rows = [
        {
            "package": allowance.package.value,
            "valid_from": allowance.valid_from,
            "included": allowance.included,
            "limit": allowance.limit,
            "block": allowance.block,
        }
        for allowance in allowances
    ]
    if not rows:
        return 0
    added = insert(catalogue_allowances).values(rows).on_conflict_do_nothing()
    return len(connection.execute(added.returning(catalogue_allowances.c.package)).all())
