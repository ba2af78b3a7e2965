"""VAT numbers: one form for all ways of typing, and no mistyped one gets as far as VIES (R19b)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.billing.countries import COUNTRIES
from worker.desk.vat_number import normalised
from worker.errors import ActRefusedError


@pytest.mark.parametrize(
    ("typed", "country", "number"),
    [
        ("PL5260001246", "PL", "PL5260001246"),
        (" pl 526-000-12-46 ", "PL", "PL5260001246"),
        ("PL\u00a0526\u2013000\u201312\u201346", "PL", "PL5260001246"),
        ("\uff30\uff2c5260001246", "PL", "PL5260001246"),
        ("CZ25123891", "CZ", "CZ25123891"),
        ("SK 202 274 96 19", "SK", "SK2022749619"),
        ("HU-12892312", "HU", "HU12892312"),
        ("DE 136 695 976", "DE", "DE136695976"),
        ("ATU13585627", "AT", "ATU13585627"),
        ("IE6433435OA", "IE", "IE6433435OA"),
        ("BE403019261", "BE", "BE0403019261"),
        # Greece has two codes, and one of them is asked for
        ("EL094259216", "GR", "EL094259216"),
        ("gr 094259216", "GR", "EL094259216"),
        # outside the EU the shape decides
        ("CHE-123.456.788 MWST", "CH", "CHE123456788MWST"),
        ("NO 974 760 673 MVA", "NO", "NO974760673MVA"),
        ("GB 980 7806 84", "GB", "GB980780684"),
        ("XI 000000000", "GB", "XI000000000"),
        # Monaco's numbers are French, and a Swiss company may be registered in Germany
        ("FR 53 0000 04605", "MC", "FR53000004605"),
        ("DE136695976", "CH", "DE136695976"),
        ("", "PL", None),
        (" - . ", "PL", None),
    ],
)
def test_R19b_a_number_has_one_form(typed: str, country: str, number: str | None) -> None:
    assert normalised(typed, country=country) == number


@pytest.mark.parametrize(
    ("typed", "country", "told"),
    [
        ("5260001246", "PL", "give it with its country, such as PL5260001246"),
        ("094259216", "GR", "such as EL094259216"),
        ("1234567890", "PL", "give it with its country, such as PL"),
        ("974760673MVA", "NO", "give it with its country, such as PL5260001246"),
        ("PL", "PL", "no VAT number"),
        ("PL526000124\u0664", "PL", "no VAT number"),
        ("PL" + "1" * 60, "PL", "no VAT number"),
        ("<b>PL5260001246", "PL", "no VAT number"),
        ("PL5260001247", "PL", "mistyped"),
        ("PL526000124", "PL", "missing"),
        ("PL52600012466", "PL", "too many"),
        ("CZ12345678", "CZ", "tax office"),
        ("GR094259217", "GR", "VAT number of EL"),
        ("DE136695976", "PL", "no VAT number of PL"),
        ("PL5260001246", "GR", "it would begin with EL"),
        ("GB980780684", "DE", "correct the number or the country"),
        ("EU372022452", "DE", "no VAT number of DE"),
        ("XI432525179", "IE", "no VAT number of IE"),
        ("DE136695977", "CH", "VAT number of DE"),
    ],
)
def test_R19b_what_is_no_number_is_told_what_to_do(typed: str, country: str, told: str) -> None:
    with pytest.raises(ActRefusedError, match=told) as refused:
        normalised(typed, country=country)
    assert refused.value.code == "vat_number"
    assert len(str(refused.value)) < 250


@given(st.integers(0, 9), st.integers(1, 9))
def test_R19b_one_wrong_digit_is_found(place: int, off: int) -> None:
    digits = list("5260001246")
    digits[place] = str((int(digits[place]) + off) % 10)
    with pytest.raises(ActRefusedError):
        normalised("PL" + "".join(digits), country="PL")


@given(st.text(max_size=60), st.sampled_from(sorted(COUNTRIES)))
def test_whatever_is_typed_is_a_number_or_a_refusal_and_stays_what_it_is(typed: str, country: str) -> None:
    try:
        number = normalised(typed, country=country)
    except ActRefusedError:
        return
    assert number is None or normalised(number, country=country) == number
