"""Where a buyer is for VAT: a member state, a territory with rules of its own, or outside the EU.

The law is Directive 2006/112/EC: article 5 says what a member state is, article 6 which territories its VAT does not
reach, article 7 whose sales count as another country's, article 105 where Portugal has lower rates. Postcodes tell
the territories; the postal services give each of them ranges that no other place has.
"""

from dataclasses import dataclass

from worker.billing.countries import COUNTRIES
from worker.errors import RuleError

MEMBER_STATES = frozenset(
    "AT BE BG CY CZ DE DK EE ES FI FR GR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK".split()  # noqa: SIM905 - a table
)
"""The 27, by their ISO codes. Northern Ireland (XI) is one for goods only, and nothing here is goods."""

_ARTICLE_6_1 = "Directive 2006/112/EC art. 6(1)"
_ARTICLE_6_2 = "Directive 2006/112/EC art. 6(2)"
_ARTICLE_105 = "Directive 2006/112/EC art. 105, Portuguese VAT Code art. 18(3)"


@dataclass(frozen=True, slots=True)
class Place:
    """A buyer's place.

    state: the member state that it belongs to, None outside the EU. rates_of: whose rows in the table of rates hold
    there, None where no EU VAT is charged. why: one line with the law, for the operator who asks.
    """

    state: str | None
    rates_of: str | None
    why: str


@dataclass(frozen=True, slots=True)
class _Territory:
    """A part of a member state, by the first digits of its postcodes."""

    begins: tuple[str, ...]
    place: Place


def _outside(state: str, name: str, law: str, *begins: str) -> _Territory:
    return _Territory(begins, Place(state, None, f"{name} is outside the EU's VAT area ({law})"))


_MONACO = Place("FR", "FR", "Monaco is treated as France (Directive 2006/112/EC art. 7)")

# The first row that fits decides. What is not named has the rates of its state: Corsica and the Greek islands differ
# in reduced rates only, and Jungholz and Mittelberg (AT) in the rate of sellers who sit there.
_TERRITORIES: dict[str, tuple[_Territory, ...]] = {
    "DE": (
        _outside("DE", "Heligoland", _ARTICLE_6_2, "27498"),
        _outside("DE", "Büsingen", _ARTICLE_6_2, "78266"),
    ),
    "ES": (
        _outside("ES", "The Canary Islands", _ARTICLE_6_1, "35", "38"),
        _outside("ES", "Ceuta", _ARTICLE_6_2, "51"),
        _outside("ES", "Melilla", _ARTICLE_6_2, "52"),
    ),
    "FI": (_outside("FI", "Åland", _ARTICLE_6_1, "22"),),
    "FR": (
        _Territory(("980",), _MONACO),
        _outside("FR", "Overseas France", f"{_ARTICLE_6_1} and TFEU art. 355(2)", "97", "98"),
    ),
    "GR": (_outside("GR", "Mount Athos", _ARTICLE_6_1, "63086", "63087"),),
    # Campione joined the customs area in 2020, and not the area of VAT (Directive (EU) 2019/475)
    "IT": (
        _outside("IT", "Livigno", _ARTICLE_6_2, "23041"),
        _outside("IT", "Campione d'Italia", f"{_ARTICLE_6_1}, Directive (EU) 2019/475", "22061"),
    ),
    "PT": (
        _Territory(("90", "91", "92", "93", "94"), Place("PT", "PT-30", f"Madeira has its own rate ({_ARTICLE_105})")),
        _Territory(("9",), Place("PT", "PT-20", f"The Azores have their own rate ({_ARTICLE_105})")),
    ),
}

_DIGITS = {"CY": (4,), "DE": (5,), "ES": (5,), "FI": (5,), "FR": (5,), "GR": (5,), "IT": (5,), "PT": (4, 7)}
"""How many digits a postcode has where it decides. The north of Cyprus, where EU law is suspended (Protocol 10 to the
Act of Accession of 2003), writes five: no rule of ours says which VAT that is, so it is refused."""

_OWN_CODES = {
    "MC": _MONACO,
    "AX": _TERRITORIES["FI"][0].place,
    "IC": _TERRITORIES["ES"][0].place,
    "EA": Place("ES", None, f"Ceuta and Melilla are outside the EU's VAT area ({_ARTICLE_6_2})"),
    **dict.fromkeys(("BL", "GF", "GP", "MF", "MQ", "NC", "PF", "PM", "RE", "WF", "YT"), _TERRITORIES["FR"][1].place),
    "GB": Place(None, None, "GB is outside the EU, with Northern Ireland, whose EU rules are for goods only"),
    "XI": Place(None, None, "Northern Ireland is outside the EU for services; its EU rules are for goods only"),
    "IM": Place(None, None, "The Isle of Man is treated as GB, which is outside the EU (Directive 2006/112/EC art. 7)"),
    "XK": Place(None, None, "XK is outside the EU"),
}
"""Codes that are no plain country: of territories, and two that ISO 3166 leaves to its users."""


def place_of(country: str, postcode: str) -> Place:
    """Where a buyer with these billing details is.

    Args:
        country: ISO code; EL is taken for GR.
        postcode: as the customer wrote it; it is read only where it decides.

    Raises:
        RuleError: there is no such country, or the postcode does not tell which part of the country it is.
    """
    country = "GR" if country == "EL" else country
    own = _OWN_CODES.get(country)
    if own is not None:
        return own
    if country not in MEMBER_STATES:
        if country not in COUNTRIES:
            raise RuleError(f"{country!r} is no country, so its VAT is not known: correct the billing details")
        return Place(None, None, f"{country} is outside the EU")
    if country in _DIGITS:
        digits = _digits_of(postcode)
        if len(digits) not in _DIGITS[country]:
            raise RuleError(
                f"the postcode {postcode[:20]!r} is none of {country}, whose parts have different VAT:"
                " correct the billing details"
            )
        for territory in _TERRITORIES.get(country, ()):
            if digits.startswith(territory.begins):
                return territory.place
    return Place(country, country, f"{country} is in the EU")


def _digits_of(postcode: str) -> str:
    """The digits, without a country before them (D-78266, AX-22100) and words after them (75008 Cedex)."""
    bare = postcode.upper().lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ -.")
    digits = ""
    for letter in bare:
        if letter in "0123456789":
            digits += letter
        elif letter not in " -.":
            break
    return digits
