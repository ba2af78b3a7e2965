"""The schema in code, one file per aggregate; a test holds it against the migrated catalogue."""

from worker.store.schema import (
    accounts,
    audit,
    catalogue,
    charges,
    console,
    corrections,
    desk,
    exchange_rates,
    invoices,
    mails,
    meters,
    money_months,
    orders,
    provider_inbox,
    queue,
    refunds,
    subscriptions,
    vat,
)
from worker.store.schema.entitlements import ENTITLEMENTS_VIEW
from worker.store.schema.exchange_rates import RATE_TRIGGERS
from worker.store.schema.metadata import metadata
from worker.store.schema.paper import PAPER_TRIGGERS
from worker.store.schema.vat import EVIDENCE_TRIGGERS

__all__ = [
    "ENTITLEMENTS_VIEW",
    "EVIDENCE_TRIGGERS",
    "PAPER_TRIGGERS",
    "RATE_TRIGGERS",
    "accounts",
    "audit",
    "catalogue",
    "charges",
    "console",
    "corrections",
    "desk",
    "exchange_rates",
    "invoices",
    "mails",
    "metadata",
    "meters",
    "money_months",
    "orders",
    "provider_inbox",
    "queue",
    "refunds",
    "subscriptions",
    "vat",
]
