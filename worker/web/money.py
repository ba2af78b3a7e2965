"""Money: charges, refunds, refusals and what came of them, by currency; twelve months drawn and as a table."""

from collections.abc import Sequence
from datetime import date
from itertools import dropwhile, groupby
from typing import Any

from markupsafe import Markup
from starlette.responses import Response

from worker import boundary
from worker.operating.people import Role
from worker.store.console import money as store
from worker.web import charts
from worker.web.charts import Bar, Part
from worker.web.render import Figures
from worker.web.visit import Visit, page
from worker.web.words import N_, words

MONTHS = 12


def month_before(today: date, months: int) -> date:
    """The first day of the month so many months ago."""
    years, month = divmod(today.year * 12 + today.month - 1 - months, 12)
    return date(years, month + 1, 1)


@page("/money", role=Role.READ_ONLY, menu=N_("Money"))
def money(visit: Visit) -> Response:
    """One part per currency; sums are never mixed."""
    today = visit.console.runtime.clock.today()
    this_month = month_before(today, 0)
    with boundary.transaction(visit.console.reading, "web.money") as connection:
        months = store.months(connection, first=month_before(today, MONTHS - 1))
        declines = store.declines(connection, month=this_month)
        past_due = store.past_due(connection)
    by_currency = {name: list(rows) for name, rows in groupby(months, key=lambda row: row.currency)}
    used = {name: rows for name, rows in by_currency.items() if any(row.charges or row.declined for row in rows)}
    for row in past_due:
        used.setdefault(row.currency, by_currency.get(row.currency, []))
    parts = [
        {
            "currency": name,
            "months": rows,
            "listed": _since_the_first(rows),
            "chart": _chart(visit, name, rows),
            "funnel": [_funnel(visit, row) for row in rows if row.declined],
            "declines": [row for row in declines if row.currency == name],
            "past_due": [row for row in past_due if row.currency == name],
        }
        for name, rows in sorted(used.items())
    ]
    summed_at = min((row.summed_at for row in months if row.month == this_month), default=None)
    return visit.render("money.html.j2", parts=parts, summed_at=summed_at, this_month=this_month)


def _since_the_first(rows: Sequence[Any]) -> Sequence[Any]:
    """The months from the first one in which anything happened."""
    return list(dropwhile(lambda row: not (row.charges or row.declined or row.refunds), rows))


def _chart(visit: Visit, currency: str, rows: Sequence[Any]) -> Markup:
    figures, said = Figures(visit.language), words(visit.language)
    bars = [
        Bar(f"{row.month:%Y-%m}: {figures.money(row.charged_minor, currency)}", max(row.charged_minor, 0))
        for row in rows
    ]
    return charts.bars(
        bars,
        title=said.gettext("Charged in twelve months, %(currency)s") % {"currency": currency},
        description="; ".join(bar.label for bar in bars),
        height=72,
    )


def _funnel(visit: Visit, row: Any) -> dict[str, Any]:
    """What became of the renewals first refused in a month."""
    waiting = row.declined - row.recovered - row.given_up
    parts = [Part(row.recovered, "good"), Part(waiting, "open"), Part(row.given_up, "bad")]
    said = words(visit.language)
    told = said.gettext("recovered %(recovered)s, waiting %(waiting)s, given up %(given_up)s") % {
        "recovered": row.recovered,
        "waiting": waiting,
        "given_up": row.given_up,
    }
    drawn = charts.progress(parts, whole=row.declined, title=f"{row.month:%Y-%m}", description=told)
    return {"row": row, "waiting": waiting, "chart": drawn, "told": told}


pages = [money]
