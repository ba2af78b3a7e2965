"""R20: where a buyer is for VAT; states, territories by postcode, and what lies outside."""

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.eu.vat import MEMBER_STATES as CHECKSUMMED

from worker.billing.countries import COUNTRIES
from worker.billing.vat_area import MEMBER_STATES, place_of
from worker.errors import RuleError


def test_R20_the_27_states_are_those_whose_numbers_have_checksums() -> None:
    assert len(MEMBER_STATES) == 27
    known = {"GR" if code == "EL" else code for code in (name.upper() for name in CHECKSUMMED)}
    assert known - {"XI"} == MEMBER_STATES
    assert MEMBER_STATES < COUNTRIES


@pytest.mark.parametrize(
    ("country", "postcode", "state", "rates_of", "told"),
    [
        # plain states; the postcode is read only where it decides
        ("CZ", "110 00", "CZ", "CZ", "in the EU"),
        ("PL", "whatever", "PL", "PL", "in the EU"),
        ("NL", "", "NL", "NL", "in the EU"),
        # Greece has two codes
        ("GR", "105 57", "GR", "GR", "GR is in the EU"),
        ("EL", "10557", "GR", "GR", "GR is in the EU"),
        ("GR", "630 86", "GR", None, "Mount Athos"),
        ("GR", "63087", "GR", None, "Mount Athos"),
        ("GR", "63088", "GR", "GR", "in the EU"),  # Nea Moudania, its neighbour
        # Spain
        ("ES", "28013", "ES", "ES", "in the EU"),
        ("ES", "35001", "ES", None, "Canary"),
        ("ES", "ES-38001", "ES", None, "Canary"),
        ("ES", "51001", "ES", None, "Ceuta"),
        ("ES", "52001", "ES", None, "Melilla"),
        ("IC", "35001", "ES", None, "Canary"),
        ("EA", "", "ES", None, "Ceuta and Melilla"),
        # Germany
        ("DE", "D-78266", "DE", None, "Büsingen"),
        ("DE", "78262", "DE", "DE", "in the EU"),  # Gailingen, its neighbour
        ("DE", "27498", "DE", None, "Heligoland"),
        ("DE", "10115", "DE", "DE", "in the EU"),
        # Italy; both are surrounded by postcodes with ordinary VAT
        ("IT", "23041", "IT", None, "Livigno"),
        ("IT", "23030", "IT", "IT", "in the EU"),
        ("IT", "22061", "IT", None, "Campione"),
        ("IT", "22060", "IT", "IT", "in the EU"),
        # Finland
        ("FI", "00100", "FI", "FI", "in the EU"),
        ("FI", "AX-22100", "FI", None, "Åland"),
        ("AX", "22100", "FI", None, "Åland"),
        # France, Monaco and overseas
        ("FR", "75008 CEDEX 08", "FR", "FR", "in the EU"),
        ("FR", "20000", "FR", "FR", "in the EU"),  # Corsica differs in reduced rates only
        ("FR", "98000", "FR", "FR", "Monaco"),
        ("MC", "MC-98000", "FR", "FR", "Monaco"),
        ("FR", "97110", "FR", None, "Overseas"),
        ("FR", "97200", "FR", None, "Overseas"),
        ("FR", "97300", "FR", None, "Overseas"),
        ("FR", "97400", "FR", None, "Overseas"),
        ("FR", "97600", "FR", None, "Overseas"),
        ("FR", "98713", "FR", None, "Overseas"),
        ("RE", "97400", "FR", None, "Overseas"),
        ("MQ", "", "FR", None, "Overseas"),
        # Portugal
        ("PT", "1100-148", "PT", "PT", "in the EU"),
        ("PT", "9000-018", "PT", "PT-30", "Madeira"),
        ("PT", "9400", "PT", "PT-30", "Madeira"),  # Porto Santo
        ("PT", "9500-150", "PT", "PT-20", "Azores"),
        ("PT", "9980-024", "PT", "PT-20", "Azores"),
        # Austria's valleys have a rate for sellers who sit there
        ("AT", "6691", "AT", "AT", "in the EU"),
        ("CY", "1065", "CY", "CY", "in the EU"),
        # outside
        ("GB", "SW1A 1AA", None, None, "outside"),
        ("GB", "BT1 5GS", None, None, "Northern Ireland"),
        ("XI", "BT1 5GS", None, None, "goods only"),
        ("IM", "IM1 1AA", None, None, "Isle of Man"),
        ("JE", "JE2 3QR", None, None, "outside"),
        ("CH", "8238", None, None, "outside"),
        ("NO", "0150", None, None, "outside"),
        ("US", "10001", None, None, "outside"),
        ("SM", "47890", None, None, "outside"),
        ("VA", "00120", None, None, "outside"),
        ("GI", "GX11 1AA", None, None, "outside"),
        ("GL", "3900", None, None, "outside"),
        ("XK", "10000", None, None, "outside"),
    ],
)
def test_R20_a_buyer_is_where_the_law_says(
    country: str, postcode: str, state: str | None, rates_of: str | None, told: str
) -> None:
    place = place_of(country, postcode)
    assert (place.state, place.rates_of) == (state, rates_of)
    assert told in place.why


@pytest.mark.parametrize("country", ["", "XX", "ZZ", "EU", "UK", "pl", "POL", "Polska"])
def test_R20_what_is_no_country_is_refused(country: str) -> None:
    with pytest.raises(RuleError, match="is no country"):
        place_of(country, "10001")


@pytest.mark.parametrize(
    ("country", "postcode"),
    [
        ("ES", ""),
        ("ES", "3500"),
        ("ES", "Las Palmas"),
        ("DE", "CH-8238"),  # Büsingen, in the way of its other post
        ("FR", "971"),
        ("FR", "971000"),
        ("PT", "90"),
        ("PT", "９０００"),  # full-width digits
        ("IT", "\x00"),
        ("CY", "99300"),  # the north of Cyprus
    ],
)
def test_R20_a_postcode_that_does_not_tell_the_place_is_refused(country: str, postcode: str) -> None:
    with pytest.raises(RuleError, match=f"none of {country}, whose parts have different VAT"):
        place_of(country, postcode)


@given(
    st.sampled_from(sorted(COUNTRIES)), st.one_of(st.text(max_size=20), st.from_regex(r"[0-9]{4,7}", fullmatch=True))
)
def test_R20_every_country_has_one_place_or_a_refusal(country: str, postcode: str) -> None:
    try:
        place = place_of(country, postcode)
    except RuleError:
        return
    assert place == place_of(country, postcode)
    assert place.rates_of is None or place.rates_of[:2] == place.state
    assert (place.state == country) == (country in MEMBER_STATES)


@given(st.sampled_from(["ES", "DE", "FR", "FI", "GR", "IT"]), st.integers(0, 99_999))
def test_R20_a_postcode_means_the_same_in_every_way_of_writing(country: str, number: int) -> None:
    plain = f"{number:05}"
    ways = (f"{country}-{plain}", f"{plain[:3]} {plain[3:]}", f" {plain} ", f"{country} {plain[:2]}-{plain[2:]}")
    assert {place_of(country, way) for way in ways} == {place_of(country, plain)}


def test_R20_no_country_but_members_has_eu_rates_save_monaco() -> None:
    taxed = {country for country, code in product(COUNTRIES, ["1000", "10000"]) if _rates_of(country, code) is not None}
    assert taxed == MEMBER_STATES | {"MC"}


def _rates_of(country: str, postcode: str) -> str | None:
    try:
        return place_of(country, postcode).rates_of
    except RuleError:
        return None
