"""One file = one job; dropping the file in is the registration.

renew             charge what is due, and try declined charges again
suspend           end the service where R10 says so, and only there
remind            what must be said before a term ends
issue_invoices    paid charges without an invoice, reversals without a credit note, pages that are missing
deliver_mail      the outbox
pay_refunds       money that goes back
follow_payments   what the provider knows and we do not
fetch_exchange_rates  the bank's rates, for documents in a currency that is not the tax office's
audit             what must hold over the whole store, asked once a day
"""

import importlib
import pkgutil
from functools import cache

from worker.job import REGISTRY, Job


def load() -> dict[str, Job]:
    """Import every file of this folder; returns the registered jobs by name."""
    _import_all()
    return dict(sorted(REGISTRY.items()))


@cache
def _import_all() -> None:
    """Once per process: looking through the folder takes longer than most questions that need its jobs."""
    for module in pkgutil.iter_modules(__path__):
        importlib.import_module(f"{__name__}.{module.name}")
