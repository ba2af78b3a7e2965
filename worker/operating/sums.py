"""Sums and facts as operators read them, the same in every language."""

from collections.abc import Mapping


def money(amount_minor: int | None, currency: str | None) -> str:
    """Minor units as people read them: `57.00 EUR`."""
    if amount_minor is None:
        return ""
    sign, whole = "-" if amount_minor < 0 else "", abs(amount_minor)
    return f"{sign}{whole // 100}.{whole % 100:02} {currency or ''}".rstrip()


def facts(values: Mapping[str, object]) -> str:
    """A mapping in a line: `a 1, b 2`; what is empty is left out."""
    return ", ".join(
        f"{key} {facts(value) if isinstance(value, Mapping) else value}"
        for key, value in values.items()
        if value not in (None, "", {}, [])
    )
