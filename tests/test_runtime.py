"""The composition root refuses a seller whose VAT it could not get right (R20)."""

import pytest

from settings import Settings
from worker.errors import SettingsError
from worker.runtime import make_runtime

WHOLE = {"link_signing_key": "0123456789" * 4, "seller_vat": "registered", "seller_vat_number": "CZ25123891"}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"seller_vat_number": ""}, "SELLER_VAT_NUMBER must be"),
        ({"seller_vat_number": "CZ25123890"}, "SELLER_VAT_NUMBER must be"),
        ({"seller_vat_number": "PL5260001246"}, "beginning with CZ"),
        ({"seller_country": "GR", "seller_vat_number": "GR094259216"}, "beginning with EL"),
        ({"seller_country": "CH"}, "for the EU only, not for CH"),
    ],
)
def test_R20_a_registered_seller_sits_in_the_EU_and_has_a_number_there(wrong: dict[str, str], sentence: str) -> None:
    settings = Settings(_env_file=None, **(WHOLE | wrong))  # type: ignore[arg-type] # values of one type for many
    with pytest.raises(SettingsError, match=sentence):
        make_runtime(settings)


def test_R20_with_them_the_next_thing_that_lacks_is_named() -> None:
    settings = Settings(_env_file=None, **WHOLE)  # type: ignore[arg-type] # values of one type for many
    with pytest.raises(SettingsError, match="REDIS_URL"):
        make_runtime(settings)
