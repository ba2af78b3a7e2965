"""R19b: VIES is away for three days of renewals; no charge is lost or wrong, and each can be explained for ever."""

from collections.abc import Mapping
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import pytest

from tests.support.bank import publish
from tests.support.builders import rows, subscriber
from tests.support.house import House
from tests.support.invariants import hold
from tests.support.register import Register
from worker.billing import vat
from worker.billing.vat import Treatment
from worker.billing.vat_rates import STANDARD_RATES

NUMBERS = {
    "fresh": "PL5260001246",
    "stale": "DE136695976",
    "never": "SK2020317068",
    "refused": "HU10597190",
    "home": "CZ25123891",
}
COUNTRIES = {
    "fresh": "PL",
    "stale": "DE",
    "never": "SK",
    "refused": "HU",
    "home": "CZ",
    "consumer": "FR",
    "abroad": "US",
}
EXPECTED: Mapping[str, tuple[Treatment, Fraction]] = {
    "fresh": (Treatment.REVERSE_CHARGE, Fraction(0)),
    "stale": (Treatment.ONE_STOP_SHOP, Fraction(19)),
    "never": (Treatment.ONE_STOP_SHOP, Fraction(23)),
    "refused": (Treatment.ONE_STOP_SHOP, Fraction(27)),
    "home": (Treatment.HOME, Fraction(21)),
    "consumer": (Treatment.ONE_STOP_SHOP, Fraction(20)),
    "abroad": (Treatment.OUTSIDE, Fraction(0)),
}


def _customers(house: House, *, first: date) -> None:
    """One of each kind for each of the three days, with postcodes that tell where they are."""
    for day in range(3):
        for kind, country in COUNTRIES.items():
            of = subscriber(
                house.engine,
                external_id=f"{kind}-{day}",
                country=country,
                vat_number=NUMBERS.get(kind),
                ends_on=first + timedelta(days=day),
                postcode={"DE": "10115", "FR": "75008"}.get(country, "602 00"),
            )
            house.seed(of)


def _confirm_earlier(house: House, register: Register, *, first: date) -> None:
    """The stale ones were confirmed 95 days before the outage, the fresh and refused ones 10 days before it."""
    register.tell("numbers", {NUMBERS["refused"]: "INVALID"})
    register.tell("outages", {"country": "*", "error": "SERVICE_UNAVAILABLE"})
    for days_before, country in ((95, "DE"), (10, "PL"), (10, "HU")):
        house.go_to(first - timedelta(days=days_before))
        register.tell("outages", {"country": "*", "error": None})
        for other in ("DE", "PL", "HU", "SK"):
            register.tell("outages", {"country": other, "error": None if other == country else "MS_UNAVAILABLE"})
        _ask_all(house)
    register.tell("outages", {"country": "*", "error": "SERVICE_UNAVAILABLE"})


def _ask_all(house: House) -> None:
    with house.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE vat_numbers SET ask_at = ask_at - interval '1 year' WHERE state = 'pending'")
    for counter in house.runtime.vies._counters.values():
        counter.rest.answered()  # breakers run on the machine's clock, which tests do not move
    house.run("check_vat_numbers")


def _decided_again(row: Mapping[str, Any]) -> vat.VatDecision:
    """The decision, made once more from nothing but what was frozen and the evidence that it names."""
    frozen = row["frozen"]
    told = frozen["vat_evidence"]
    evidence = None
    if told is not None:
        evidence = vat.ViesEvidence(
            number=row["number"],
            valid={"valid": True, "invalid": False}.get(row["outcome"]),
            checked_on=row["told_on"],
            consultation=row["consultation"],
        )
    return vat.decide(
        seller=vat.Seller("CZ", vat.SellerVat.REGISTERED),
        buyer=vat.Buyer(frozen["country"], frozen["postcode"], is_business=frozen["vat_number"] is not None),
        evidence=evidence,
        tax_on=date.fromisoformat(frozen["tax_on"]),
        rates=STANDARD_RATES,
    )


@pytest.mark.timeout(60)
def test_R19b_three_days_without_VIES_lose_no_charge_and_decide_each_by_its_evidence(
    registered: House, register: Register
) -> None:
    house = registered
    first = house.clock.today()
    _customers(house, first=first)
    publish(house, first - timedelta(days=1), EUR="24.315")
    _confirm_earlier(house, register, first=first)
    for day in range(3):
        house.go_to(first + timedelta(days=day))
        _ask_all(house)
        for job in ("renew", "suspend", "remind", "issue_invoices", "deliver_mail"):
            house.run(job)
    charged = rows(
        house.engine,
        """SELECT a.external_id, c.state, c.net_minor, c.vat_minor, c.gross_minor, c.frozen, c.paid_on,
                  k.number, k.outcome, k.told_on, k.consultation
           FROM charges c JOIN accounts a ON a.id = c.account_id
           LEFT JOIN vat_checks k ON k.id = cast(c.frozen -> 'vat_evidence' ->> 'check' AS bigint) ORDER BY c.id""",
    )
    assert sorted(row["external_id"] for row in charged) == sorted(f"{k}-{d}" for k in COUNTRIES for d in range(3))
    assert {row["state"] for row in charged} == {"succeeded"}
    for row in charged:
        kind = row["external_id"].rpartition("-")[0]
        treatment, rate = EXPECTED[kind]
        kept = row["frozen"]["vat"]
        assert (kept["treatment"], Fraction(kept["rate"])) == (treatment, rate), row["external_id"]
        assert row["vat_minor"] == vat.VatDecision(treatment, rate, "S", (), ()).on_net(row["net_minor"])
        again = _decided_again(row)
        assert (again.treatment, again.rate, list(again.reasons)) == (treatment, rate, kept["reasons"])
    hold(house)
    assert {row["outcome"] for row in charged if row["external_id"].startswith("never")} == {"unknown"}
