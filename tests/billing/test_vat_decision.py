"""R19b, R20: worked decisions of a registered seller; every treatment, kinds of countries, dates and evidence."""

from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.billing.countries import COUNTRIES
from worker.billing.vat import (
    VIES_VALID_DAYS,
    Buyer,
    Rates,
    Seller,
    SellerVat,
    Treatment,
    VatDecision,
    ViesEvidence,
    decide,
)
from worker.billing.vat_area import MEMBER_STATES, place_of
from worker.billing.vat_rates import STANDARD_RATES
from worker.errors import RuleError

ON = date(2026, 11, 22)
CZECH = Seller("CZ", SellerVat.REGISTERED)


def confirmed(number: str, *, days_ago: int = 0, valid: bool | None = True) -> ViesEvidence:
    return ViesEvidence(number, valid=valid, checked_on=ON - timedelta(days=days_ago), consultation="WAPIAAAAaEDkvhHx")


def sold(
    buyer: Buyer,
    evidence: ViesEvidence | None = None,
    *,
    seller: Seller = CZECH,
    on: date = ON,
    rates: Rates | None = None,
) -> VatDecision:
    rates = STANDARD_RATES if rates is None else rates
    return decide(seller=seller, buyer=buyer, evidence=evidence, tax_on=on, rates=rates)


def business(country: str, postcode: str = "10000") -> Buyer:
    return Buyer(country, postcode, is_business=True)


def consumer(country: str, postcode: str = "10000") -> Buyer:
    return Buyer(country, postcode, is_business=False)


HOME = (Treatment.HOME, Fraction(21), "S", ())
CHARGE_REVERSED = (Treatment.REVERSE_CHARGE, Fraction(0), "AE", ("reverse_charge",))
OUTSIDE = (Treatment.OUTSIDE, Fraction(0), "O", ("outside_eu_vat",))
OUTSIDE_CONSUMER = (Treatment.OUTSIDE, Fraction(0), "O", ("outside_eu_vat_consumer",))


def shop(percent: int | Fraction) -> tuple[object, ...]:
    return (Treatment.ONE_STOP_SHOP, Fraction(percent), "S", ())


def shown(decision: VatDecision) -> tuple[object, ...]:
    return (decision.treatment, decision.rate, decision.category, decision.words)


@pytest.mark.parametrize(
    ("buyer", "evidence", "told"),
    [
        # at home: everybody pays, whatever VIES says
        (consumer("CZ", "110 00"), None, HOME),
        (business("CZ", "110 00"), None, HOME),
        (business("CZ", "110 00"), confirmed("CZ25123891"), HOME),
        # businesses in the EU with a confirmed number
        (business("PL", "00-001"), confirmed("PL5260001246"), CHARGE_REVERSED),
        (business("PL", "00-001"), confirmed("PL5260001246", days_ago=90), CHARGE_REVERSED),
        (business("GR", "105 57"), confirmed("EL094259216"), CHARGE_REVERSED),
        (business("MC", "98000"), confirmed("FR53000004605"), CHARGE_REVERSED),
        (business("FR", "98000"), confirmed("FR53000004605"), CHARGE_REVERSED),
        (business("PT", "9000-018"), confirmed("PT501964843"), CHARGE_REVERSED),
        # and without one
        (business("PL", "00-001"), None, shop(23)),
        (business("PL", "00-001"), confirmed("PL5260001246", valid=None), shop(23)),
        (business("PL", "00-001"), confirmed("PL5260001246", valid=False), shop(23)),
        (business("PL", "00-001"), confirmed("PL5260001246", days_ago=91), shop(23)),
        (business("PL", "00-001"), confirmed("PL5260001246", days_ago=-1), shop(23)),
        (business("PL", "00-001"), confirmed("SK2022749619"), shop(23)),
        (business("PL", "00-001"), confirmed("5260001246"), shop(23)),
        (business("GR", "105 57"), confirmed("GR094259216"), shop(24)),
        (business("IE", "D02 AF30"), confirmed("XI432525179"), shop(23)),
        (business("SK", "811 01"), confirmed("CZ25123891"), shop(23)),
        # consumers in the EU; a number that is none of theirs changes nothing
        (consumer("PL", "00-001"), None, shop(23)),
        (consumer("PL", "00-001"), confirmed("PL5260001246"), shop(23)),
        (consumer("HU", "1051"), None, shop(27)),
        (consumer("LU", "1111"), None, shop(17)),
        (consumer("FI", "00100"), None, shop(Fraction(51, 2))),
        (consumer("EL", "105 57"), None, shop(24)),
        (consumer("MC", "98000"), None, shop(20)),
        (consumer("PT", "1100-148"), None, shop(23)),
        (consumer("PT", "9000-018"), None, shop(22)),
        (consumer("PT", "9500-150"), None, shop(16)),
        (consumer("AT", "6691"), None, shop(20)),
        # territories, also with a number of their state
        (consumer("ES", "35001"), None, OUTSIDE_CONSUMER),
        (business("ES", "35001"), confirmed("ESB58378431"), OUTSIDE),
        (business("DE", "78266"), confirmed("DE136695976"), OUTSIDE),
        (consumer("FI", "22100"), None, OUTSIDE_CONSUMER),
        (consumer("FR", "97400"), None, OUTSIDE_CONSUMER),
        (consumer("IT", "23041"), None, OUTSIDE_CONSUMER),
        (consumer("GR", "630 86"), None, OUTSIDE_CONSUMER),
        # outside the EU
        (consumer("US", "10001"), None, OUTSIDE_CONSUMER),
        (business("US", "10001"), None, OUTSIDE),
        (business("CH", "8238"), confirmed("DE136695976"), OUTSIDE),
        (business("NO", "0150"), None, OUTSIDE),
        (business("GB", "BT1 5GS"), confirmed("XI432525179"), OUTSIDE),
        (business("XI", "BT1 5GS"), confirmed("XI432525179"), OUTSIDE),
        (consumer("IM", "IM1 1AA"), None, OUTSIDE_CONSUMER),
    ],
)
def test_R20_a_registered_sellers_decisions(
    buyer: Buyer, evidence: ViesEvidence | None, told: tuple[object, ...]
) -> None:
    decision = sold(buyer, evidence)
    assert shown(decision) == told
    assert all(decision.reasons)


@pytest.mark.parametrize(
    ("country", "on", "percent"),
    [
        ("SK", date(2024, 12, 31), Fraction(20)),
        ("SK", date(2025, 1, 1), Fraction(23)),
        ("EE", date(2025, 6, 30), Fraction(22)),
        ("EE", date(2025, 7, 1), Fraction(24)),
        ("RO", date(2025, 7, 31), Fraction(19)),
        ("RO", date(2025, 8, 1), Fraction(21)),
    ],
)
def test_R20_the_tax_date_chooses_the_rate(country: str, on: date, percent: Fraction) -> None:
    assert sold(consumer(country), on=on).rate == percent


@pytest.mark.parametrize(
    ("evidence", "told"),
    [
        (None, "VIES has not been asked"),
        (confirmed("PL5260001246", valid=None), "could not say"),
        (confirmed("PL5260001246", valid=False), "is not valid"),
        (confirmed("SK2022749619"), "SK2022749619 is not one of PL"),
        (confirmed("PL5260001246", days_ago=-1), "after the tax date"),
        (confirmed("PL5260001246", days_ago=91), "91 days before the tax date, and 90 are the most"),
    ],
)
def test_R19b_the_reason_says_why_vat_is_charged(evidence: ViesEvidence | None, told: str) -> None:
    assert any(told in reason for reason in sold(business("PL"), evidence).reasons)


def test_R19b_the_reason_of_a_reversed_charge_is_its_proof() -> None:
    evidence = confirmed("PL5260001246", days_ago=3)
    assert (
        "VIES confirmed PL5260001246 on 2026-11-19, consultation WAPIAAAAaEDkvhHx"
        in sold(business("PL"), evidence).reasons
    )
    unnamed = sold(business("PL"), replace(evidence, consultation=None))
    assert unnamed.treatment is Treatment.REVERSE_CHARGE
    assert "has no consultation number" in unnamed.reasons[-1]


def test_R19b_how_long_a_confirmation_counts_is_a_number_of_the_caller() -> None:
    def treated(days_ago: int) -> Treatment:
        return decide(
            seller=CZECH,
            buyer=business("PL"),
            evidence=confirmed("PL5260001246", days_ago=days_ago),
            tax_on=ON,
            rates=STANDARD_RATES,
            vies_valid_days=10,
        ).treatment

    assert (treated(10), treated(11)) == (Treatment.REVERSE_CHARGE, Treatment.ONE_STOP_SHOP)
    assert VIES_VALID_DAYS == 90


@pytest.mark.parametrize(
    ("buyer", "told"),
    [
        (consumer("XX"), "is no country"),
        (consumer(""), "is no country"),
        (consumer("ES", "Madrid"), "correct the billing details"),
        (consumer("PL"), "none for PL on 2026-11-22"),
    ],
)
def test_R20_what_is_not_known_refuses_the_sale(buyer: Buyer, told: str) -> None:
    only_czech = Rates(tuple(row for row in STANDARD_RATES.rows if row.country == "CZ"))
    with pytest.raises(RuleError, match=told):
        sold(buyer, rates=only_czech)


def test_R20_a_day_before_the_table_refuses_the_sale() -> None:
    with pytest.raises(RuleError, match="none for EE on 2023-12-31"):
        sold(consumer("EE"), on=date(2023, 12, 31))
    with pytest.raises(RuleError, match="none for CZ on 2012-12-31"):
        sold(business("CZ"), on=date(2012, 12, 31))


@pytest.mark.parametrize(
    ("seller", "postcode", "told"),
    [
        ("US", "10001", "none of its states"),
        ("XI", "BT1 5GS", "none of its states"),
        ("ES", "35001", "Canary Islands"),
        ("PT", "9000-018", "Madeira"),
    ],
)
def test_R20_a_seller_without_rules_is_refused(seller: str, postcode: str, told: str) -> None:
    with pytest.raises(RuleError, match=told):
        sold(consumer(seller, postcode), seller=Seller(seller, SellerVat.REGISTERED))


STATES = st.sampled_from(sorted(MEMBER_STATES))
BUYERS = st.builds(
    Buyer,
    st.one_of(STATES, st.sampled_from(sorted(COUNTRIES | {"EL", "XI", "XX", ""}))),
    st.one_of(st.from_regex(r"[0-9]{4,7}", fullmatch=True), st.text(max_size=12)),
    st.booleans(),
)
EVIDENCE = st.one_of(
    st.none(),
    st.builds(
        ViesEvidence,
        st.builds(str.__add__, st.one_of(STATES, st.sampled_from(["EL", "XI", "GB"])), st.just("094259216")),
        st.sampled_from([True, False, None]),
        st.dates(date(2024, 1, 1), date(2027, 12, 31)),
        st.one_of(st.none(), st.just("WAPI")),
    ),
)
DAYS = st.dates(date(2023, 6, 1), date(2027, 12, 31))


@given(STATES, BUYERS, EVIDENCE, DAYS)
def test_R20_no_rate_is_guessed_and_every_decision_has_its_reasons(
    home: str, buyer: Buyer, evidence: ViesEvidence | None, on: date
) -> None:
    seller = Seller(home, SellerVat.REGISTERED)
    try:
        decision = sold(buyer, evidence, seller=seller, on=on)
    except RuleError:
        return
    assert decision == sold(buyer, evidence, seller=seller, on=on)
    assert decision.reasons
    place = place_of(buyer.country, buyer.postcode)
    if decision.category == "S":
        assert place.rates_of is not None
        assert decision.rate == STANDARD_RATES.standard(place.rates_of, on=on) > 0
    else:
        assert decision.rate == 0
        assert decision.words
    assert (decision.treatment is Treatment.OUTSIDE) == (place.rates_of is None)
    assert (decision.treatment is Treatment.HOME) == (place.state == home)


@given(BUYERS, EVIDENCE, DAYS)
def test_R20_only_a_proven_business_of_another_state_owes_the_vat_itself(
    buyer: Buyer, evidence: ViesEvidence | None, on: date
) -> None:
    try:
        decision = sold(buyer, evidence, on=on)
    except RuleError:
        return
    if decision.treatment is not Treatment.REVERSE_CHARGE:
        return
    assert buyer.is_business
    assert evidence is not None
    assert evidence.valid is True
    assert 0 <= (on - evidence.checked_on).days <= VIES_VALID_DAYS
    state = place_of(buyer.country, buyer.postcode).state
    assert state not in {None, "CZ"}
    assert evidence.number[:2] == ("EL" if state == "GR" else state)


@given(STATES, st.booleans(), EVIDENCE, st.dates(date(2024, 1, 1), date(2027, 12, 31)))
def test_R20_the_sellers_country_always_has_its_own_rate(
    home: str,
    is_business: bool,  # noqa: FBT001 - hypothesis fills it in
    evidence: ViesEvidence | None,
    on: date,
) -> None:
    mainland = {"PT": "1100-148", "FI": "00100", "CY": "1065"}.get(home, "10115")
    decision = sold(Buyer(home, mainland, is_business), evidence, seller=Seller(home, SellerVat.REGISTERED), on=on)
    assert (decision.treatment, decision.rate) == (Treatment.HOME, STANDARD_RATES.standard(home, on=on))


@given(BUYERS, EVIDENCE, DAYS)
def test_R20_a_seller_who_is_not_registered_charges_nothing_whoever_buys(
    buyer: Buyer, evidence: ViesEvidence | None, on: date
) -> None:
    small = Seller("CZ", SellerVat.NOT_REGISTERED)
    assert sold(buyer, evidence, seller=small, on=on, rates=Rates(())) == VatDecision(
        treatment=Treatment.NOT_REGISTERED,
        rate=Fraction(0),
        category="O",
        words=("seller_not_registered",),
        reasons=(f"the seller in CZ is not registered for VAT on {on}",),
    )
