"""What stands in the store, as numbers: read at each scrape, so they are true whatever became of Redis or a process.

gauge    what a measure is: one statement that gives gauges, and the index that keeps it cheap
work     runs, items, processes, webhooks
money    charges, payouts, disputes
paper    mails, documents, exchange rates, VAT numbers, what the audit found
"""

from collections.abc import Mapping

from worker.store.gauges import money, paper, work
from worker.store.gauges.gauge import AsOf, Gauge, Measure, take

__all__ = ["MEASURES", "AsOf", "Gauge", "Measure", "take"]

MEASURES: Mapping[str, Measure] = {one.name: one for group in (work, money, paper) for one in group.MEASURES}
"""All of them by name."""
