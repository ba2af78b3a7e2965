"""Money that goes back by the rules, and the way back to Free (R11, R14, R14b)."""

from datetime import date, timedelta

from tests.model.account import UNDER_WAY, Account
from tests.model.reference import REFUND_DAYS, RefusedError, Sale

NOTHING = "nothing_to_refund"


def to_free(account: Account) -> None:
    """Support ends the subscription; credit stays (R11). Raises RefusedError."""
    if account.status == "free":
        raise RefusedError("free")
    if account.under_way:
        raise RefusedError(UNDER_WAY)
    _end(account)


def _end(account: Account) -> None:
    if account.bill is not None:
        account.release()
    account.status, account.plan, account.renewal, account.first_declined = "free", None, False, None


def refund_in_full(account: Account, today: date, *, override: bool) -> int:
    """All of what the refund is about; returns the sum. Raises RefusedError."""
    _demand_subscription(account)
    if not override:
        if account.subscriptions > 1 or account.sales[0].purpose != "purchase":
            raise RefusedError("not_first_payment")
        if today > account.sales[0].paid_on + timedelta(days=REFUND_DAYS):
            raise RefusedError("refund_too_late")
    if account.under_way:
        raise RefusedError(UNDER_WAY)
    sales = _about(account)
    paid = sum(sale.refundable for sale in sales)
    # credit of these payments that paid for something else lowers the refund; the account's other credit went first
    reserved = account.bill.reserved if account.bill else 0
    other = account.credit + reserved - sum(sale.gave - sale.credit_used for sale in sales)
    total = max(paid - max(-other, 0), 0)
    if total == 0:
        raise RefusedError(NOTHING)
    _pay_back(sales, total)
    for sale in sales:
        account.credited += sale.invoice_left
        sale.reversed += sale.invoice_left
    account.returned += total
    _end(account)
    # their credit is cancelled, and so are sums of theirs that were carried and never paid
    account.credit = max(other, 0)
    account.carried = [sale for sale in account.carried if sale not in sales]
    account.had_all_back = True
    return total


def refund_in_part(account: Account, asked: int) -> int:
    """Support gives a part back, and the subscription stays as it is; returns the sum. Raises RefusedError."""
    _demand_subscription(account)
    sales = _about(account)
    most = min(sum(sale.refundable for sale in sales), sum(sale.invoice_left for sale in sales))
    if most == 0:
        raise RefusedError(NOTHING)
    if asked > most:
        raise RefusedError("refund_too_high")
    if account.under_way:
        raise RefusedError(UNDER_WAY)
    _pay_back(sales, asked)
    left = asked
    for sale in reversed(sales):
        step = min(left, sale.invoice_left)
        sale.reversed += step
        left -= step
    account.returned += asked
    account.credited += asked
    return asked


def refundable(account: Account) -> int:
    """The most that support could give back in part."""
    if account.status == "free" or not account.sales:
        return 0
    sales = _about(account)
    return min(sum(sale.refundable for sale in sales), sum(sale.invoice_left for sale in sales))


def _demand_subscription(account: Account) -> None:
    if account.status == "free":
        raise RefusedError("refunded_before" if account.had_all_back else "free")


def _about(account: Account) -> list[Sale]:
    """The purchase with all changes since, while no other term was bought; else the newest term and its changes.

    The rules say what the customer gets alone; that support gives back the newest term is decided here.
    """
    sales = account.sales
    followed = any(sale.purpose in {"purchase", "renewal"} for sale in sales[1:])
    if account.subscriptions == 1 and not followed:
        return list(sales)
    newest = max(n for n, sale in enumerate(sales) if sale.buys_term)
    return sales[newest:]


def _pay_back(sales: list[Sale], total: int) -> None:
    """From the newest payment back; the sum is what counts, the order only says which payments are used up."""
    left = total
    for sale in reversed(sales):
        step = min(left, sale.refundable)
        sale.returned += step
        left -= step
