"""A crowd of equal subscribers, all due on one day, made in a few statements; for storms and benchmarks."""

from datetime import date

from sqlalchemy import Engine, text

from worker.sandbox.emulated import Emulated

AGENTS = 3
AGENT_PRICE_MINOR = 1900
SUM_MINOR = AGENTS * AGENT_PRICE_MINOR
"""What each of them is charged: EUR minor units."""
SEED_CHUNK = 5000

_STATEMENTS = (
    """
    INSERT INTO catalogue_allowances (package, valid_from, included, "limit", block)
    VALUES ('standard', '2020-01-01', 100, 500, 100) ON CONFLICT DO NOTHING
    """,
    """
    INSERT INTO accounts (external_id, locale, currency, provider_customer)
    SELECT 'crowd-' || n, 'en', 'EUR', 'cus_crowd_' || n FROM generate_series(1, :count) n
    """,
    """
    INSERT INTO billing_details (account_id, version, company, street, city, postcode, country, email)
    SELECT id, 1, 'Shop ' || id, 'Street ' || id, 'Brno', '602 00', 'CZ', external_id || '@shop.example' FROM accounts
    """,
    """
    INSERT INTO payment_methods (account_id, provider_method, type, brand, last4, exp_month, exp_year, state)
    SELECT id, replace(provider_customer, 'cus_', 'pm_'), 'card', 'visa', '4242', 12, 2099, 'in_use' FROM accounts
    """,
    """
    INSERT INTO subscriptions (account_id, status, auto_renew, interval, anchor_on, term_number, paid_until)
    SELECT id, 'active', true, 'month', cast(:due AS date) - interval '1 month', 0, :due FROM accounts ORDER BY id
    """,
    """
    INSERT INTO configurations (subscription_id, package, interval, currency, agents, extra_conversations,
                                conversation_block, agent_lots, block_lots, list_minor, in_force)
    SELECT id, 'standard', 'month', 'EUR', :agents, 0, 100,
           jsonb_build_array(jsonb_build_array(cast(:agents AS integer), cast(:price AS bigint))), '[]',
           cast(:agents AS integer) * cast(:price AS bigint), true
    FROM subscriptions
    """,
    """
    INSERT INTO terms (subscription_id, number, starts_on, ends_on, configuration_id, paid_minor, currency, origin)
    SELECT s.id, 0, s.anchor_on, s.paid_until, f.id, :agents * :price, 'EUR', 'import'
    FROM subscriptions s JOIN configurations f ON f.subscription_id = s.id
    """,
)


def gather(engine: Engine, emulator: Emulated, *, count: int, due: date) -> None:
    """Fill an empty store with `count` subscribers due on a day whose cards always pay.

    `due` must have the same day of month a month earlier, so that its terms fit their anchor.
    """
    assert due.day <= 28, "a crowd is due on a day that every month has"  # noqa: PLR2004 - the shortest month
    values = {"count": count, "due": due, "agents": AGENTS, "price": AGENT_PRICE_MINOR}
    with engine.begin() as connection:
        for statement in _STATEMENTS:
            connection.execute(text(statement), values)
    for start in range(1, count + 1, SEED_CHUNK):
        numbers = range(start, min(start + SEED_CHUNK, count + 1))
        emulator.seed(
            [{"id": f"cus_crowd_{n}"} for n in numbers],
            [
                {
                    "id": f"pm_crowd_{n}",
                    "customer": f"cus_crowd_{n}",
                    "type": "card",
                    "brand": "visa",
                    "last4": "4242",
                    "exp_month": 12,
                    "exp_year": 2099,
                    "script": ["ok"],
                }
                for n in numbers
            ],
        )
