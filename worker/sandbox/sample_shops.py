"""Words for made-up shops: names with all their diacritics, streets and towns, by country; nobody real."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True)
class Country:
    """What shops of a country are made from. `postcode` and `vat_number` are patterns."""

    kinds: tuple[str, ...]
    names: tuple[str, ...]
    forms: tuple[str, ...]
    streets: tuple[str, ...]
    cities: tuple[str, ...]
    postcode: str
    vat_number: str


_POLISH = Country(
    kinds=("Kwiaciarnia", "Piekarnia", "Księgarnia", "Hurtownia", "Cukiernia", "Zielarnia", "Pracownia", "Sklep"),
    names=("Różyczka", "Jaśmin", "Źródło", "Łąka", "Śnieżka", "Świerk", "Gęś i Kaczka", "Pszczółka", "Żółty Słoń"),
    forms=("", " sp. z o.o.", " s.c.", " S.A.", " Wiśniewscy", " i Córki"),
    streets=("ul. Kwiatowa", "ul. Świętojańska", "al. Niepodległości", "ul. Łąkowa", "pl. Żółty"),
    cities=("Łódź", "Kraków", "Gdańsk", "Wrocław", "Rzeszów", "Zielona Góra", "Świdnica"),
    postcode="{0:02d}-{1:03d}",
    vat_number="PL{0:010d}",
)
_CZECH = Country(
    kinds=("Květinářství", "Pekařství", "Knihkupectví", "Železářství", "Cukrárna", "Bylinkářství", "Dílna"),
    names=("Růžička", "Jiřinka", "U Zlatého lva", "Příbor a talíř", "Šťastný ježek", "Čtyřlístek", "Žluťásek"),
    forms=("", " s.r.o.", " a.s.", " v.o.s.", " Dvořákovi"),
    streets=("Květná", "Dlouhá třída", "náměstí Míru", "Žižkova", "Ořechová"),
    cities=("Brno", "Plzeň", "Ústí nad Labem", "České Budějovice", "Olomouc", "Třebíč"),
    postcode="{0:02d}{1:01d} {0:02d}",
    vat_number="CZ85{0:06d}",
)
_SLOVAK = Country(
    kinds=("Kvetinárstvo", "Pekáreň", "Kníhkupectvo", "Cukráreň", "Dielňa"),
    names=("Ľalia", "Slnečnica", "Štvorlístok", "U Troch ruží", "Vŕba"),
    forms=("", " s.r.o.", " a.s."),
    streets=("Kvetná", "Štúrova", "Hlavná", "Ľanová"),
    cities=("Košice", "Žilina", "Nitra", "Banská Bystrica"),
    postcode="{0:02d}{1:01d} {0:02d}",
    vat_number="SK992{0:07d}",
)
_GERMAN = Country(
    kinds=("Blumenhaus", "Bäckerei", "Buchhandlung", "Werkstatt", "Kräuterladen"),
    names=("Löwenzahn", "Große Welle", "Müllers Mühle", "Täubchen", "Südstern"),
    forms=("", " GmbH", " e.K.", " OHG"),
    streets=("Lindenstraße", "Mühlweg", "Am Südpark"),
    cities=("Köln", "München", "Görlitz", "Lübeck"),
    postcode="{0:02d}{1:03d}",
    vat_number="DE9{0:08d}",
)
_ENGLISH = Country(
    kinds=("Flower Shop", "Bakery", "Bookshop", "Hardware", "Tea House", "Workshop"),
    names=("Buttercup", "O'Malley's", "Café Noir", "Blue Anchor", "Seán & Sons", "Little Oak"),
    forms=("", " Ltd", " LLC", " & Daughters"),
    streets=("High Street", "Station Road", "Mill Lane"),
    cities=("Cork", "Bristol", "Portland", "Galway", "Salem"),
    postcode="{0:02d}{1:03d}",
    vat_number="",
)

COUNTRIES: Mapping[str, Country] = MappingProxyType(
    {
        "PL": _POLISH,
        "CZ": _CZECH,
        "SK": _SLOVAK,
        "DE": _GERMAN,
        "IE": _ENGLISH,
        "GB": _ENGLISH,
        "US": _ENGLISH,
    }
)

# Letters that do not come apart into a plain one and a mark.
_WHOLE_LETTERS = str.maketrans({"ł": "l", "Ł": "l", "ß": "ss"})


def address_part(name: str) -> str:
    """A name as a part of an internet address: plain small letters, digits and dashes."""
    plain = unicodedata.normalize("NFKD", name.translate(_WHOLE_LETTERS)).encode("ascii", "ignore").decode()
    words = "".join(each if each.isalnum() else " " for each in plain.lower()).split()
    return "-".join(words)[:40].strip("-")
