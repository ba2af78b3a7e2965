"""Made-up customers for the demo and for tests: the same seed gives the same file, to the last byte.

A customer's payment method bears the name of how it will behave: `pm_sample_00007_fundslater`. So the file shows
a reader what will happen, and the emulator is set up from the file alone.
"""

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any, TypeVar

from stdnum.eu import vat

from worker.billing.calendar import Interval, ordinal
from worker.ops.importing.columns import CUSTOMER_COLUMNS
from worker.sandbox.sample_dates import later_month, place
from worker.sandbox.sample_shops import COUNTRIES, Country, address_part

DATA = Path(__file__).parent / "data"
SAMPLE_CUSTOMERS = DATA / "sample_customers.csv"
"""1,000 customers whose dates are right for SAMPLE_GO_LIVE_ON and the 30 days after it."""
SAMPLE_CATALOGUE = DATA / "sample_catalogue.csv"
SAMPLE_ROWS = 1000
SAMPLE_GO_LIVE_ON = date(2026, 10, 1)
SAMPLE_TODAY = date(2026, 10, 31)
SEED = 20261001

BEHAVIOURS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "ok": ("ok",),
        "fundslater": ("insufficient_funds", "ok"),
        "nofunds": ("insufficient_funds",),
        "stolen": ("stolen_card",),
        "asks": ("authentication_required",),
        "slow": ("processing:succeeded:14400",),
        "slowfails": ("processing:failed:insufficient_funds:10800", "ok"),
    }
)
"""What the emulator answers, one outcome a confirmation, the last one again and again."""

HOSTILE_COMPANY = '=SUM(A1:A9) <b>Sklep</b> & "Syn" #strong[x] {{ 7 * 7 }}'
"""A name that is a formula, HTML, typst and Jinja at once, and must be printed as it stands."""

_PRICE_OF_OLD_PERCENT = 85
_NUMBERS_OF_A_SHOP = 100
"""Among so many in a row there is one with a right checksum in every country."""
_YEARLY_LATER_DAYS = 45

_MARKETS: tuple[tuple[int, tuple[str, str, str]], ...] = (
    # weight; locale, country and currency of a shop
    (50, ("pl", "PL", "PLN")),
    (24, ("cs", "CZ", "CZK")),
    (3, ("pl", "PL", "EUR")),
    (2, ("cs", "CZ", "EUR")),
    (5, ("en", "SK", "EUR")),
    (6, ("en", "DE", "EUR")),
    (3, ("en", "IE", "EUR")),
    (3, ("en_GB", "GB", "USD")),
    (4, ("en_US", "US", "USD")),
)
_CARDS = ((940, "ok"), (22, "fundslater"), (14, "nofunds"), (12, "stolen"), (12, "asks"))
_PAYPAL = ((880, "ok"), (80, "slow"), (40, "slowfails"))

# The first customers show one thing each, so that even a short sample has them all.
_CAST: tuple[Mapping[str, Any], ...] = (
    {},
    {"behaviour": "fundslater", "days": 1},
    {"behaviour": "nofunds", "days": 2},
    {"behaviour": "stolen", "days": 2},
    {"behaviour": "asks", "days": 3},
    {"method": "paypal", "behaviour": "ok"},
    {"method": "paypal", "behaviour": "slow", "days": 4},
    {"method": "paypal", "behaviour": "slowfails", "days": 4},
    {"renews": False, "method": "card", "days": 15},
    {"renews": False, "method": "none", "days": 16},
    {"expires_early": True, "days": 14},
    {"credit": True},
    {"extra": True},
    {"missing": "street"},
    {"company": HOSTILE_COMPANY},
    {"interval": "year", "days": 30},
    {"days": -3},
)

_Thing = TypeVar("_Thing")


@dataclass(frozen=True, slots=True)
class _Window:
    go_live_on: date
    days: int


class _Chance:
    """Chances from one seed, by `random()` alone, whose numbers are the same in every Python."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)

    def below(self, limit: int) -> int:
        """A whole number from 0, less than the limit."""
        return int(self._random.random() * limit)

    def percent(self, percent: int) -> bool:
        """True in so many of a hundred cases."""
        return self.below(100) < percent

    def one(self, things: Sequence[_Thing]) -> _Thing:
        """One of the things."""
        return things[self.below(len(things))]

    def weighted(self, things: Sequence[tuple[int, _Thing]]) -> _Thing:
        """One of the things, each as likely as its weight."""
        left = self.below(sum(weight for weight, _ in things))
        for weight, thing in things:
            if left < weight:
                return thing
            left -= weight
        raise AssertionError("the weights add up")


def write_sample(path: Path, *, rows: int, today: date, go_live_on: date, seed: int = SEED) -> None:
    """Write a file of customers, most of whose terms end within the days from go-live to today.

    Mostly monthly; about 8 % without renewal, 15 % with PayPal, 6 % declined in one way or another; a few with
    credit, extra conversations, incomplete details, or a term that ended before go-live.

    Args:
        path: the file to write.
        rows: how many customers.
        today: the last of the days to be played.
        go_live_on: the first of them.
        seed: another one gives other customers.
    """
    window = _Window(go_live_on, (today - go_live_on).days + 1)
    prices = _prices(SAMPLE_CATALOGUE)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, CUSTOMER_COLUMNS, lineterminator="\n")
        writer.writeheader()
        for number in range(1, rows + 1):
            writer.writerow(_customer(number, window, prices, _Chance(f"{seed}:{number}")))


def redate(source: Path, target: Path, *, from_on: date, go_live_on: date) -> None:
    """Copy a sample so that it fits another go-live day; the same days of distance, anchors that fit anew.

    Args:
        source: a file of `write_sample`.
        target: the copy.
        from_on: the go-live day that the source was written for, SAMPLE_GO_LIVE_ON for the shipped one.
        go_live_on: the one that the copy is for.
    """
    shift = go_live_on - from_on
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, CUSTOMER_COLUMNS, lineterminator="\n")
        writer.writeheader()
        for row in _rows(source):
            before = date.fromisoformat(row["term_ends_on"])
            interval = Interval(row["interval"])
            number = ordinal(
                anchor_on=date.fromisoformat(row["anchor_on"]),
                interval=interval,
                starts_on=date.fromisoformat(row["term_starts_on"]),
            )
            assert number is not None, "a sample's terms fit their anchors"
            moved = row | _dates(before + shift, interval, number)
            if row["card_exp"]:
                moved["card_exp"] = later_month(row["card_exp"], before=before, after=before + shift)
            writer.writerow(moved)


def vat_numbers(path: Path) -> list[str]:
    """The VAT numbers in a file of customers, in its order."""
    with path.open(newline="", encoding="utf-8") as file:
        return [row["vat_number"] for row in csv.DictReader(file) if row["vat_number"]]


def emulator_seed(path: Path) -> dict[str, Any]:
    """What the emulator is told so that it knows a sample's customers: the body of `POST /_emulator/seed`."""
    customers: list[dict[str, Any]] = []
    methods: list[dict[str, Any]] = []
    for row in _rows(path):
        if not row["provider_customer"]:
            continue
        customers.append({"id": row["provider_customer"], "email": row["email"], "name": row["company"]})
        method_id = row["provider_payment_method"]
        if not method_id:
            continue
        method: dict[str, Any] = {
            "id": method_id,
            "customer": row["provider_customer"],
            "type": row["method_type"],
            "script": list(BEHAVIOURS[method_id.rpartition("_")[2]]),
        }
        if row["method_type"] == "card":
            month, _, year = row["card_exp"].partition("/")
            method |= {"brand": row["card_brand"], "last4": row["card_last4"]}
            method |= {"exp_month": int(month), "exp_year": int(year)}
        else:
            method["payer_email"] = row["email"]
        methods.append(method)
    return {"customers": customers, "payment_methods": methods}


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        yield from csv.DictReader(file)


_Prices = Mapping[tuple[str, str, str], tuple[int, int]]


def _prices(path: Path) -> _Prices:
    return {
        (row["package"], row["interval"], row["currency"]): (
            int(row["agent_price_minor"]),
            int(row["conversation_price_minor"]),
        )
        for row in _rows(path)
        if row["kind"] == "price"
    }


def _customer(number: int, window: _Window, prices: _Prices, chance: _Chance) -> dict[str, str]:
    cast = _CAST[number - 1] if number <= len(_CAST) else {}
    locale, country, currency = chance.weighted(_MARKETS)
    row = _shop(number, COUNTRIES[country], country, cast, chance) | {"locale": locale, "currency": currency}
    interval = Interval(cast.get("interval", "year" if chance.percent(14) else "month"))
    row |= _bought(interval, currency, cast, prices, chance)
    ends_on = window.go_live_on + timedelta(days=_days(interval, window, cast, chance))
    row |= _dates(ends_on, interval, chance.below(5 if interval is Interval.YEAR else 42))
    row["credit_minor"] = str(1500 + chance.below(9000)) if cast.get("credit", chance.percent(3)) else ""
    return row | _method(number, ends_on, cast, chance)


def _shop(number: int, words: Country, country: str, cast: Mapping[str, Any], chance: _Chance) -> dict[str, str]:
    company = f"{chance.one(words.kinds)} {chance.one(words.names)}{chance.one(words.forms)}"
    company = cast.get("company", company)
    has_vat_number = bool(words.vat_number) and chance.percent(60)
    row = {
        "external_id": f"shop-{number:05d}",
        "company": company,
        "street": f"{chance.one(words.streets)} {1 + chance.below(180)}",
        "city": chance.one(words.cities),
        "postcode": words.postcode.format(1 + chance.below(98), chance.below(10)),
        "email": f"billing@{address_part(company)}-{number:05d}.example",
        "country": country,
        "vat_number": _vat_number(words.vat_number, number) if has_vat_number else "",
    }
    missing = cast.get("missing") or chance.one(("street", "city"))
    if "missing" in cast or chance.percent(2):
        row[missing] = ""
    return row


def _vat_number(pattern: str, number: int) -> str:
    """The shop's own number whose checksum is right, as one that was typed from a letter of the tax office."""
    candidates = (pattern.format(number * _NUMBERS_OF_A_SHOP + n) for n in range(_NUMBERS_OF_A_SHOP))
    return next(candidate for candidate in candidates if vat.is_valid(candidate))


def _bought(
    interval: Interval, currency: str, cast: Mapping[str, Any], prices: _Prices, chance: _Chance
) -> dict[str, str]:
    package = "pro" if chance.percent(30) else "standard"
    agents = 1 + chance.below(5) if chance.percent(88) else 6 + chance.below(40)
    blocks = 0
    if cast.get("extra", chance.percent(6)):
        blocks = 1 + chance.below(4 if package == "standard" else 40)
    agent_minor, block_minor = prices[package, interval.value, currency]
    # Who bought long ago keeps the price of then (R3b); an empty one means the catalogue's.
    old = chance.percent(12)
    if old:
        agent_minor = agent_minor * _PRICE_OF_OLD_PERCENT // 100
    return {
        "package": package,
        "interval": interval.value,
        "agents": str(agents),
        "extra_conversations": str(blocks * 100),
        "agent_price_minor": str(agent_minor) if old else "",
        "conversation_price_minor": str(block_minor) if old else "",
        "term_paid_minor": str(agents * agent_minor + blocks * block_minor),
    }


def _days(interval: Interval, window: _Window, cast: Mapping[str, Any], chance: _Chance) -> int:
    """How many days after go-live the term ends: within the window, but for some yearly and a few that ended."""
    if "days" in cast:
        return int(cast["days"])
    if chance.percent(1):
        return -1 - chance.below(40)
    if interval is Interval.YEAR and chance.percent(40):
        return window.days + chance.below(_YEARLY_LATER_DAYS)
    return chance.below(window.days)


def _dates(ends_on: date, interval: Interval, number: int) -> dict[str, str]:
    placed = place(ends_on, interval, number=number)
    return {
        "first_paid_on": placed.anchor_on.isoformat(),
        "anchor_on": placed.anchor_on.isoformat(),
        "term_starts_on": placed.starts_on.isoformat(),
        "term_ends_on": ends_on.isoformat(),
    }


def _method(number: int, ends_on: date, cast: Mapping[str, Any], chance: _Chance) -> dict[str, str]:
    # Each of the cast shows its one thing, which needs a renewal.
    renews = cast.get("renews", bool(cast) or not chance.percent(8))
    usual = "paypal" if chance.percent(15) else "card"
    kind = cast.get("method", usual)
    if not renews and "method" not in cast and chance.percent(25):
        kind = "none"
    if kind == "card" or "behaviour" in cast:
        behaviour = cast.get("behaviour") or chance.weighted(_CARDS)
    else:
        behaviour = chance.weighted(_PAYPAL)
    row = {
        "auto_renew": "true" if renews else "false",
        "provider_customer": "" if kind == "none" else f"cus_sample_{number:05d}",
        "provider_payment_method": "" if kind == "none" else f"pm_sample_{number:05d}_{behaviour}",
        "method_type": "" if kind == "none" else kind,
        "card_brand": "",
        "card_last4": "",
        "card_exp": "",
    }
    if kind == "card":
        early = cast.get("expires_early", chance.percent(2))
        months = -1 if early else 6 + chance.below(40)
        row["card_brand"] = chance.weighted(((65, "visa"), (35, "mastercard")))
        row["card_last4"] = f"{chance.below(10_000):04d}"
        row["card_exp"] = later_month(f"{ends_on:%m/%Y}", months=months)
    return row
