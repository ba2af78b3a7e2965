"""Sums as operators read them, the same in every language."""


def money(amount_minor: int | None, currency: str | None) -> str:
    """Minor units as people read them: `57.00 EUR`."""
    if amount_minor is None:
        return ""
    sign, whole = "-" if amount_minor < 0 else "", abs(amount_minor)
    return f"{sign}{whole // 100}.{whole % 100:02} {currency or ''}".rstrip()
