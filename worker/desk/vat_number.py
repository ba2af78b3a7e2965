"""VAT numbers as customers type them: made alike, and tested by their checksum without the network (R19b)."""

import re
import unicodedata

from stdnum.eu import vat
from stdnum.exceptions import ValidationError
from stdnum.util import clean

from worker.errors import ActRefusedError

_SEPARATORS = " .-"
_SHAPE = re.compile(r"[A-Z]{2}[0-9A-Z+*]{2,18}")
# Northern Ireland is in VIES with its goods only; for services its numbers are those of any country outside.
_MEMBERS = frozenset(code.upper() for code in vat.MEMBER_STATES) - {"XI"}
# VIES and the numbers themselves call Greece by another code than ISO does.
_PREFIXES = frozenset("EL" if code == "GR" else code for code in _MEMBERS)
_SHOWN_MAX = 40


def normalised(number: str, *, country: str) -> str | None:
    """The number in the form that VIES and invoices use, such as PL5260001246; None when it is empty.

    Blanks, dots and dashes go, letters become capitals, Greek numbers begin with EL. A buyer in the EU has a number
    of the same country. Numbers of EU countries are tested by their checksum, all others only by their shape.

    Args:
        number: as typed.
        country: the ISO code of the billing details.

    Raises:
        ActRefusedError: it is no VAT number, is mistyped, or is another country's than the billing details'.
    """
    bare = clean(unicodedata.normalize("NFKC", number), _SEPARATORS).upper()
    if not bare:
        return None
    if bare.startswith("GR"):
        bare = f"EL{bare[2:]}"
    shown = repr(number.strip()[:_SHOWN_MAX])
    expected = "EL" if country == "GR" else country
    if not _SHAPE.fullmatch(bare):
        raise _refusal(f"{shown} is no VAT number: give it with its country, such as {_example(bare, expected)}")
    if country in _MEMBERS and not bare.startswith(expected):
        raise _refusal(
            f"{shown} is no VAT number of {country}, the country of the billing details: it would begin with"
            f" {expected}; please correct the number or the country"
        )
    if bare[:2] not in _PREFIXES:
        return bare
    try:
        return str(vat.validate(bare))
    except ValidationError as error:
        raise _refusal(
            f"{shown} cannot be a VAT number of {bare[:2]}: a character is mistyped, missing or too many;"
            " please compare it with the tax office's letter"
        ) from error


def _example(bare: str, expected: str) -> str:
    """What was typed, with its country before it, if that makes it right; else any right number."""
    if expected in _PREFIXES and vat.is_valid(expected + bare):
        return expected + bare
    return "PL5260001246"


def _refusal(sentence: str) -> ActRefusedError:
    return ActRefusedError("vat_number", sentence)
