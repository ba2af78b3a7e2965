"""The standard VAT rates of the 27 member states and of Portugal's islands, from 2024 on, each row with its source.

The first row of a state is the one that held on 1 January 2024, with the day on which it truly began, so a later one
refuses what came before it. Rows are added and never changed: what was sold keeps the rate of its day. States decide
in January and July as a rule; a test holds the table against two independent lists.
"""

from datetime import date
from fractions import Fraction

from worker.billing.vat import Rate, Rates

CHECKED_ON = date(2026, 9, 29)
"""The day of the newest independent list that agrees with the table."""

_BOOKLET = "European Commission, VAT rates applied in the Member States, edition of June 2021, section VIII"
_TEDB = "European Commission, Taxes in Europe Database (TEDB)"
_AZORES = "Portuguese VAT Code art. 18(3); Decreto Legislativo Regional 15-A/2021/A; tax authority's letter 30237"
_MADEIRA = "Portuguese VAT Code art. 18(3); Lei 14-A/2012"

STANDARD_RATES = Rates(
    (
        Rate("AT", date(1984, 1, 1), Fraction(20), _BOOKLET),
        Rate("BE", date(1996, 1, 1), Fraction(21), _BOOKLET),
        Rate("BG", date(1999, 1, 1), Fraction(20), _BOOKLET),
        Rate("CY", date(2014, 1, 13), Fraction(19), _BOOKLET),
        Rate("CZ", date(2013, 1, 1), Fraction(21), _BOOKLET),
        Rate("DE", date(2021, 1, 1), Fraction(19), _TEDB),
        Rate("DK", date(1992, 1, 1), Fraction(25), _BOOKLET),
        Rate("EE", date(2024, 1, 1), Fraction(22), _TEDB),
        Rate("EE", date(2025, 7, 1), Fraction(24), _TEDB),
        Rate("ES", date(2012, 9, 1), Fraction(21), _BOOKLET),
        Rate("FI", date(2013, 1, 1), Fraction(24), _BOOKLET),
        Rate("FI", date(2024, 9, 1), Fraction(51, 2), _TEDB),
        Rate("FR", date(2014, 1, 1), Fraction(20), _BOOKLET),
        Rate("GR", date(2016, 6, 1), Fraction(24), _BOOKLET),
        Rate("HR", date(2012, 3, 1), Fraction(25), _BOOKLET),
        Rate("HU", date(2012, 1, 1), Fraction(27), _BOOKLET),
        Rate("IE", date(2021, 3, 1), Fraction(23), _TEDB),
        Rate("IT", date(2013, 10, 1), Fraction(22), _BOOKLET),
        Rate("LT", date(2009, 9, 1), Fraction(21), _BOOKLET),
        Rate("LU", date(2024, 1, 1), Fraction(17), _TEDB),
        Rate("LV", date(2012, 7, 1), Fraction(21), _BOOKLET),
        Rate("MT", date(2004, 1, 1), Fraction(18), _BOOKLET),
        Rate("NL", date(2012, 10, 1), Fraction(21), _BOOKLET),
        Rate("PL", date(2011, 1, 1), Fraction(23), _BOOKLET),
        Rate("PT", date(2011, 1, 1), Fraction(23), _BOOKLET),
        Rate("PT-20", date(2021, 7, 1), Fraction(16), _AZORES),
        Rate("PT-30", date(2012, 4, 1), Fraction(22), _MADEIRA),
        Rate("RO", date(2017, 1, 1), Fraction(19), _TEDB),
        Rate("RO", date(2025, 8, 1), Fraction(21), _TEDB),
        Rate("SE", date(1990, 7, 1), Fraction(25), _BOOKLET),
        Rate("SI", date(2013, 7, 1), Fraction(22), _BOOKLET),
        Rate("SK", date(2011, 1, 1), Fraction(20), _BOOKLET),
        Rate("SK", date(2025, 1, 1), Fraction(23), _TEDB),
    )
)
"""Percent, by ISO 3166-1 code; PT-20 are the Azores and PT-30 is Madeira (ISO 3166-2)."""
