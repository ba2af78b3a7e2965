"""What the demo shows: one row a day, the books of both sides, and the verdict."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text
from sqlalchemy import Engine, text

from worker.sandbox.books import Books
from worker.store.audit import Finding

_TOTALS = text("""
    SELECT (SELECT coalesce(sum((planned ->> 'due')::integer), 0) FROM runs WHERE job = 'renew') AS due,
           (SELECT count(*) FROM charges WHERE state = 'succeeded') AS charged,
           (SELECT count(*) FROM attempts WHERE state = 'declined') AS declined,
           (SELECT count(*) FROM subscriptions WHERE status = 'past_due') AS past_due,
           (SELECT count(*) FROM mails WHERE kind IN ('term_ending', 'yearly_renewal', 'card_expiring',
                                                      'billing_details_needed')) AS reminded,
           (SELECT count(*) FROM mails WHERE kind = 'suspended') AS suspended,
           (SELECT count(*) FROM invoices WHERE kind = 'invoice') AS invoices,
           (SELECT count(*) FROM mails WHERE state = 'sent') AS mails
""")
_COLUMNS = ("due", "charged", "declined", "past due", "reminded", "suspended", "invoices", "mails")
_STANDING = {"past due"}
_LEFT = text("""
    SELECT (SELECT count(*) FROM work_items WHERE state IN ('ready', 'leased')) AS open_items,
           (SELECT count(*) FROM work_items WHERE state = 'dead') AS dead_items,
           (SELECT count(*) FROM charges WHERE parked_at IS NOT NULL) AS parked_charges,
           (SELECT count(*) FROM charges WHERE state = 'unknown') AS unknown_charges,
           (SELECT count(*) FROM mails WHERE state = 'failed') AS failed_mails
""")


def opening(days: int) -> str:
    """What is about to happen, in two lines."""
    return (
        f"Odnowa plays {days} nights of 1,000 sample accounts on real PostgreSQL, Redis and\n"
        "Dramatiq workers, with a Stripe emulator and a mail server of its own: no real\n"
        "money moves, no mail leaves this machine.\n"
    )


@dataclass
class Report:
    """Counts day by day, as differences of totals in the store."""

    engine: Engine
    days: list[tuple[date, dict[str, int]]] = field(default_factory=list)
    _before: dict[str, int] = field(default_factory=dict)

    def close_day(self, day: date) -> None:
        """Add a row for the day that has been played."""
        with self.engine.connect() as connection:
            row = connection.execute(_TOTALS).mappings().one()
        totals = {name: int(row[name.replace(" ", "_")]) for name in _COLUMNS}
        counted = {
            name: total if name in _STANDING else total - self._before.get(name, 0) for name, total in totals.items()
        }
        self.days.append((day, counted))
        self._before = totals

    def table(self) -> Table:
        """One row a day and a sum of what can be summed."""
        table = Table(box=box.SIMPLE_HEAD, show_footer=True, pad_edge=False, padding=(0, 1, 0, 0))
        table.add_column("day", footer="sum", no_wrap=True)
        for name in _COLUMNS:
            sums = "" if name in _STANDING else str(sum(counted[name] for _, counted in self.days))
            table.add_column(name, justify="right", footer=sums, no_wrap=True)
        for day, counted in self.days:
            table.add_row(f"{day:%a %d %b}", *(_shown(counted[name]) for name in _COLUMNS))
        return table


def _shown(count: int) -> Text:
    return Text(str(count), style="" if count else "dim")


def books_table(books: Books) -> Table:
    """Both sides, a row per currency."""
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, title="our books and the provider's journal", title_justify="left"
    )
    table.add_column("currency")
    for name in ("our charges", "their charges", "our sum", "their sum"):
        table.add_column(name, justify="right")
    table.add_column("")
    for of in books.currencies:
        equal = (of.our_count, of.our_minor) == (of.their_count, of.their_minor)
        table.add_row(
            of.currency,
            f"{of.our_count:,}",
            f"{of.their_count:,}",
            _major(of.our_minor),
            _major(of.their_minor),
            Text("equal", style="green") if equal else Text("DIFFERENT", style="bold red"),
        )
    return table


def _major(minor: int) -> str:
    return f"{minor // 100:,}.{minor % 100:02d}"


_TREATMENTS = text("""
    SELECT snapshot -> 'vat' ->> 'treatment' AS treatment, count(*) AS n FROM invoices GROUP BY 1 ORDER BY 2 DESC, 1
""")


def vat_line(engine: Engine) -> str:
    """How the sales were treated, by documents."""
    with engine.connect() as connection:
        counted = [f"{row.n:,} {row.treatment.replace('_', ' ')}" for row in connection.execute(_TREATMENTS)]
    return f"VAT: {', '.join(counted) or 'nothing was sold'}"


def left_behind(folder: Path, *, invoices: int, mails: int) -> str:
    """Where to look."""
    shown = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    return f"{mails:,} mails in {shown}/mails (.eml), {invoices:,} invoices in {shown}/invoices (.pdf)\n"


def _audit_line(console: Console, audited: Sequence[Finding]) -> bool:
    """What the product's own audit says, and whether nothing is broken."""
    broken = [one for one in audited if one.broken]
    for one in broken:
        console.print(f"[red]  {one.invariant.says}: {one.total}, first {one.violations[0].what}")
    console.print(f"audit: {len(audited)} invariants, {len(broken) or 'nothing'} broken")
    return not broken


def verdict(console: Console, books: Books, audited: Sequence[Finding], engine: Engine, *, seconds: float) -> int:
    """The last lines, and the exit code."""
    with engine.connect() as connection:
        left = dict(connection.execute(_LEFT).mappings().one())
    for difference in books.differences:
        console.print(f"[red]  {difference}")
    stuck = {name.replace("_", " "): count for name, count in left.items() if count}
    for name, count in stuck.items():
        console.print(f"[red]  {count} {name} at the end")
    sound = _audit_line(console, audited)
    if books.differences or stuck or not sound:
        console.print("[bold red]books ≠ journal" if books.differences else "[bold red]something is stuck or broken")
        return 1
    charges = sum(of.our_count for of in books.currencies)
    console.print(
        f"[bold green]books = journal[/bold green]: {charges:,} charges, each on both sides exactly once,\n"
        f"equal to the last minor unit; nothing is stuck ({seconds:.0f} s)"
    )
    return 0
