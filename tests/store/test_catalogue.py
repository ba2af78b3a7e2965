"""The stored catalogue: what goes in comes out, and what is there stays (R3b)."""

from datetime import date

from sqlalchemy import Engine

from worker import boundary
from worker.billing.calendar import Interval
from worker.billing.catalogue import Allowance, Catalogue, Package, Price
from worker.billing.money import Currency
from worker.store.catalogue import load_catalogue, save_allowances, save_prices

_PRICES = tuple(
    Price(Package.PRO, Interval.YEAR, currency, date(2026, month, 1), 100 * month, 10 * month)
    for currency in Currency
    for month in (1, 7)
)
_ALLOWANCES = (
    Allowance(Package.FREE, date(2026, 1, 1), 50, 50, 100),
    Allowance(Package.PRO, date(2026, 1, 1), 500, 10_000, 100),
)


def load(engine: Engine) -> Catalogue:
    with engine.begin() as connection:
        return load_catalogue(connection)


def test_what_goes_in_comes_out(engine: Engine) -> None:
    assert load(engine) == Catalogue((), ())
    with boundary.transaction(engine, "test.save") as connection:
        assert save_prices(connection, _PRICES) == len(_PRICES)
        assert save_allowances(connection, _ALLOWANCES) == len(_ALLOWANCES)
    found = load(engine)
    assert set(found.prices) == set(_PRICES)
    assert set(found.allowances) == set(_ALLOWANCES)
    price = found.price(Package.PRO, Interval.YEAR, Currency.CZK, on=date(2026, 6, 30))
    assert price.agent_price_minor == 100


def test_what_is_there_stays(engine: Engine) -> None:
    other = Price(Package.PRO, Interval.YEAR, Currency.PLN, date(2026, 1, 1), 1, 1)
    less = Allowance(Package.PRO, date(2026, 1, 1), 1, 1, 1)
    with boundary.transaction(engine, "test.save") as connection:
        save_prices(connection, _PRICES)
        save_allowances(connection, _ALLOWANCES)
    with boundary.transaction(engine, "test.save") as connection:
        assert save_prices(connection, [other]) == 0
        assert save_allowances(connection, [less]) == 0
    assert set(load(engine).prices) == set(_PRICES)
    assert set(load(engine).allowances) == set(_ALLOWANCES)


def test_nothing_to_save_is_fine(engine: Engine) -> None:
    with boundary.transaction(engine, "test.save") as connection:
        assert save_prices(connection, []) == 0
        assert save_allowances(connection, []) == 0
