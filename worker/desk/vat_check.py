"""Asking VIES about an account's VAT number at once, by somebody who does not want to wait for the job (R19)."""

from worker import boundary
from worker.charging.vat_evidence import asked_prefixes, keep
from worker.errors import RefusedError
from worker.gateways.vies import ViesAnswer
from worker.queue.plans import Claimed, in_items
from worker.queue.runs import ring
from worker.runtime import Runtime
from worker.store import desk, vat_numbers
from worker.store.mails import insert_mails


def check_now(runtime: Runtime, external_id: str) -> ViesAnswer:
    """Ask about the number that stands in the billing details, and keep the answer as evidence.

    Raises:
        RefusedError: there is no such account, or no number that VIES is asked about.
    """
    now = runtime.clock.now()
    with boundary.transaction(runtime.engine, "desk.vat_due") as connection:
        account = desk.account_id(connection, external_id)
        if account is None:
            raise RefusedError(f"no account is called {external_id}")
        vat_numbers.enrol(connection, prefixes=asked_prefixes(runtime), now=now, account=account)
        rows = vat_numbers.to_ask(connection, vat_numbers.ask_now(connection, account, now=now, also_valid=True))
    if not rows:
        raise RefusedError(
            f"{external_id} has no VAT number that VIES is asked about: none at all, one of the seller's own country"
            " or of none in the EU, or the seller is not registered"
        )
    answer = runtime.vies.check(rows[0].number)
    with boundary.transaction(runtime.engine, "desk.vat_check") as connection:
        mail = keep(runtime, connection, rows[0], answer)
        ids = [] if mail is None else insert_mails(connection, [mail])
        ring(
            connection,
            job="deliver_mail",
            items=in_items(ids, size=1, claims=Claimed.MAILS, prefix="mails"),
            business_date=runtime.clock.today(),
            root_run_id=None,
            by="desk",
        )
    return answer
