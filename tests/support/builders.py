"""Builders of rows, one per noun, valid by default: plain inserts, so that a test says only what it is about."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import Engine, text

from worker.billing import calendar
from worker.billing.calendar import Interval

LONG_AGO = date(2020, 1, 1)
"""From this day the catalogue of the tests holds."""
NOON = datetime(2026, 3, 15, 11, tzinfo=UTC)
"""An instant for rows whose time does not matter."""


@dataclass(frozen=True, slots=True)
class Subscriber:
    """An account with everything that its renewal needs.

    `starts_on` and `ends_on` are the last paid term's; `list_minor` is the net price of one term.
    """

    account_id: int
    external_id: str
    subscription_id: int
    configuration_id: int
    method_id: int | None
    package: str
    interval: str
    currency: str
    agents: int
    agent_price_minor: int
    extra_conversations: int
    conversation_block: int
    conversation_price_minor: int
    anchor_on: date
    anchor_number: int
    term_number: int
    starts_on: date
    ends_on: date
    list_minor: int

    @property
    def blocks(self) -> int:
        """Blocks of extra conversations."""
        return self.extra_conversations // self.conversation_block

    def term(self, number: int) -> calendar.Term:
        """Any term of this subscription."""
        return calendar.term(
            anchor_on=self.anchor_on,
            anchor_number=self.anchor_number,
            interval=Interval(self.interval),
            number=number,
        )


def insert(engine: Engine, table: str, **values: Any) -> int:
    """Insert one row and return its id; JSON columns take dicts and lists."""
    plain = {k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in values.items()}
    columns, marks = ", ".join(f'"{k}"' for k in plain), ", ".join(f":{k}" for k in plain)
    statement = text(f"INSERT INTO {table} ({columns}) VALUES ({marks}) RETURNING id")  # noqa: S608 - names come from the builders
    with engine.begin() as connection:
        return int(connection.execute(statement, plain).scalar_one())


def update(engine: Engine, table: str, row_id: int, **values: Any) -> None:
    """Change columns of one row."""
    plain = {k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in values.items()}
    sets = ", ".join(f'"{k}" = :{k}' for k in plain)
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {table} SET {sets} WHERE id = :id"), {**plain, "id": row_id})  # noqa: S608 - names come from tests


def rows(engine: Engine, query: str, **values: Any) -> list[dict[str, Any]]:
    """What a query finds, as dicts.

    Committed, since with a rollback the driver forgets all statements that are prepared on the connection.
    """
    with engine.begin() as connection:
        return [dict(row._mapping) for row in connection.execute(text(query), values)]


def size(engine: Engine, table: str) -> int:
    """How many rows a table holds."""
    return int(rows(engine, f"SELECT count(*) AS n FROM {table}")[0]["n"])  # noqa: S608 - names come from tests


def counts(engine: Engine, *, but: tuple[str, ...] = ()) -> dict[str, int]:
    """How many rows each table holds, except for those named: compare two to see that nothing was written."""
    tables = rows(engine, "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    names = [row["tablename"] for row in tables if row["tablename"] not in but]
    every = " UNION ALL ".join(f"SELECT '{name}' AS name, count(*) AS n FROM {name}" for name in names)  # noqa: S608 - names come from the catalogue
    return {row["name"]: row["n"] for row in rows(engine, every)}


def catalogue(engine: Engine, *, valid_from: date = LONG_AGO) -> None:
    """Allowances as in R2, and one price for every package, interval and currency."""
    with engine.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO catalogue_allowances (package, valid_from, included, "limit", block)
                VALUES ('free', :from, 50, 50, 50), ('standard', :from, 100, 500, 100), ('pro', :from, 500, 10000, 100)
                ON CONFLICT DO NOTHING
            """),
            {"from": valid_from},
        )
        connection.execute(
            text("""
                INSERT INTO catalogue_prices (package, "interval", currency, valid_from, agent_price_minor,
                                              conversation_price_minor)
                SELECT p.package, i."interval", c.currency, :from, p.price * i.months * c.rate, 500 * i.months * c.rate
                FROM (VALUES ('standard', 1900), ('pro', 3900)) AS p (package, price),
                     (VALUES ('month', 1), ('year', 10)) AS i ("interval", months),
                     (VALUES ('EUR', 1), ('USD', 1), ('PLN', 4), ('CZK', 25)) AS c (currency, rate)
                ON CONFLICT DO NOTHING
            """),
            {"from": valid_from},
        )


def new_prices(engine: Engine, *, valid_from: date, agent_price_minor: int, package: str = "standard") -> None:
    """A later price list of a package: one price for an agent, whatever the interval and the currency."""
    with engine.begin() as connection:
        connection.execute(
            text("""
                INSERT INTO catalogue_prices (package, "interval", currency, valid_from, agent_price_minor,
                                              conversation_price_minor)
                SELECT package, "interval", currency, :from, :price, conversation_price_minor
                FROM catalogue_prices WHERE package = :package AND valid_from = :long_ago
            """),
            {"from": valid_from, "price": agent_price_minor, "package": package, "long_ago": LONG_AGO},
        )


def account(
    engine: Engine,
    *,
    external_id: str | None = None,
    currency: str = "EUR",
    locale: str = "en",
    provider_customer: str | None = "",
    company: str | None = None,
    street: str = "Main Street 1",
    city: str = "Brno",
    postcode: str = "602 00",
    country: str = "CZ",
    email: str | None = None,
    vat_number: str | None = None,
) -> int:
    """An account with billing details; the empty `provider_customer` means one made from the external id."""
    name = external_id or f"shop-{1 + size(engine, 'accounts')}"
    account_id = insert(
        engine,
        "accounts",
        external_id=name,
        locale=locale,
        currency=currency,
        provider_customer=f"cus_{name}" if provider_customer == "" else provider_customer,
    )
    insert(
        engine,
        "billing_details",
        account_id=account_id,
        version=1,
        company=company if company is not None else f"{name} s.r.o.",
        street=street,
        city=city,
        postcode=postcode,
        country=country,
        email=email or f"{name}@customers.example",
        vat_number=vat_number,
    )
    return account_id


def method(
    engine: Engine,
    account_id: int,
    *,
    type: str = "card",  # noqa: A002 - the column's name
    provider_method: str | None = None,
    brand: str = "visa",
    last4: str = "4242",
    exp: tuple[int, int] = (2099, 12),
    state: str = "in_use",
) -> int:
    """A payment method; `exp` is year and month. PayPal has neither brand nor expiry."""
    card = {"brand": brand, "last4": last4, "exp_year": exp[0], "exp_month": exp[1]} if type == "card" else {}
    name = provider_method or f"pm_{account_id}_{1 + size(engine, 'payment_methods')}"
    return insert(
        engine, "payment_methods", account_id=account_id, provider_method=name, type=type, state=state, **card
    )


def credit(engine: Engine, account_id: int, amount_minor: int, *, currency: str = "EUR") -> int:
    """Credit that an import brought."""
    values = {"account_id": account_id, "currency": currency, "amount_minor": amount_minor}
    return insert(engine, "credit_entries", **values, kind="import")


def subscription(
    engine: Engine,
    account_id: int,
    *,
    ends_on: date | None = None,
    anchor_on: date = date(2026, 2, 15),
    term_number: int = 0,
    package: str = "standard",
    interval: str = "month",
    currency: str = "EUR",
    agents: int = 3,
    agent_price_minor: int = 1900,
    extra_conversations: int = 0,
    conversation_block: int = 100,
    conversation_price_minor: int = 500,
    auto_renew: bool = True,
    status: str = "active",
    method_id: int | None = None,
) -> Subscriber:
    """A subscription with its configuration and its last paid term.

    Term 0 starts on `anchor_on`. With `ends_on`, the last paid term ends on that day, which becomes the anchor.
    """
    anchor_number = 0
    if ends_on is not None:
        anchor_on, anchor_number = ends_on, term_number + 1
    of = calendar.term(
        anchor_on=anchor_on, anchor_number=anchor_number, interval=Interval(interval), number=term_number
    )
    blocks = extra_conversations // conversation_block
    wanted = Subscriber(
        account_id=account_id,
        external_id=rows(engine, "SELECT external_id AS x FROM accounts WHERE id = :id", id=account_id)[0]["x"],
        subscription_id=0,
        configuration_id=0,
        method_id=method_id,
        package=package,
        interval=interval,
        currency=currency,
        agents=agents,
        agent_price_minor=agent_price_minor,
        extra_conversations=extra_conversations,
        conversation_block=conversation_block,
        conversation_price_minor=conversation_price_minor,
        anchor_on=anchor_on,
        anchor_number=anchor_number,
        term_number=term_number,
        starts_on=of.starts_on,
        ends_on=of.ends_on,
        list_minor=agents * agent_price_minor + blocks * conversation_price_minor,
    )
    return _inserted(engine, wanted, auto_renew=auto_renew, status=status)


def _inserted(engine: Engine, wanted: Subscriber, *, auto_renew: bool, status: str) -> Subscriber:
    subscription_id = insert(
        engine,
        "subscriptions",
        account_id=wanted.account_id,
        status=status,
        auto_renew=auto_renew,
        interval=wanted.interval,
        anchor_on=wanted.anchor_on,
        anchor_number=wanted.anchor_number,
        term_number=wanted.term_number,
        paid_until=wanted.ends_on,
        first_paid_on=wanted.starts_on,
    )
    configuration_id = insert(
        engine,
        "configurations",
        subscription_id=subscription_id,
        package=wanted.package,
        interval=wanted.interval,
        currency=wanted.currency,
        agents=wanted.agents,
        extra_conversations=wanted.extra_conversations,
        conversation_block=wanted.conversation_block,
        agent_lots=[[wanted.agents, wanted.agent_price_minor]],
        block_lots=[[wanted.blocks, wanted.conversation_price_minor]] if wanted.blocks else [],
        list_minor=wanted.list_minor,
        in_force=True,
    )
    insert(
        engine,
        "terms",
        subscription_id=subscription_id,
        number=wanted.term_number,
        starts_on=wanted.starts_on,
        ends_on=wanted.ends_on,
        configuration_id=configuration_id,
        paid_minor=wanted.list_minor,
        currency=wanted.currency,
        origin="import",
    )
    return replace(wanted, subscription_id=subscription_id, configuration_id=configuration_id)


def subscriber(
    engine: Engine,
    *,
    external_id: str | None = None,
    currency: str = "EUR",
    ends_on: date | None = None,
    anchor_on: date = date(2026, 2, 15),
    term_number: int = 0,
    package: str = "standard",
    interval: str = "month",
    agents: int = 3,
    agent_price_minor: int = 1900,
    extra_conversations: int = 0,
    auto_renew: bool = True,
    status: str = "active",
    method: str | None = "card",
    provider_method: str | None = None,
    provider_customer: str | None = "",
    card_exp: tuple[int, int] = (2099, 12),
    credit_minor: int = 0,
    locale: str = "en",
    email: str | None = None,
    country: str = "CZ",
    postcode: str = "602 00",
    company: str | None = None,
    vat_number: str | None = None,
) -> Subscriber:
    """An account, its method in use (`card`, `paypal` or None), its credit, its subscription and paid term."""
    account_id = account(
        engine,
        external_id=external_id,
        currency=currency,
        locale=locale,
        provider_customer=provider_customer,
        email=email,
        country=country,
        postcode=postcode,
        company=company,
        vat_number=vat_number,
    )
    method_id = _method_in_use(engine, account_id, method, provider_method=provider_method, exp=card_exp)
    if credit_minor:
        credit(engine, account_id, credit_minor, currency=currency)
    return subscription(
        engine,
        account_id,
        ends_on=ends_on,
        anchor_on=anchor_on,
        term_number=term_number,
        package=package,
        interval=interval,
        currency=currency,
        agents=agents,
        agent_price_minor=agent_price_minor,
        extra_conversations=extra_conversations,
        auto_renew=auto_renew,
        status=status,
        method_id=method_id,
    )


def _method_in_use(
    engine: Engine, account_id: int, kind: str | None, *, provider_method: str | None, exp: tuple[int, int]
) -> int | None:
    if kind is None:
        return None
    return method(engine, account_id, type=kind, provider_method=provider_method, exp=exp)
