"""Signed links to the product's payment page, for mails that ask the customer to authenticate (R8c)."""

import base64
import hashlib
import hmac
from datetime import date
from urllib.parse import urlencode


def sign(*, key: str, charge: str, valid_until: date) -> str:
    """The token of a charge: `charge.date.signature`, HMAC-SHA256 over the first two."""
    stated = f"{charge}.{valid_until:%Y%m%d}"
    digest = hmac.new(key.encode(), stated.encode(), hashlib.sha256).digest()
    return f"{stated}.{base64.urlsafe_b64encode(digest).decode().rstrip('=')}"


def verify(token: str, *, key: str, today: date) -> str | None:
    """The charge that a token names, None when it was tampered with or has run out."""
    charge, _, rest = token.partition(".")
    stamp, _, _ = rest.partition(".")
    try:
        valid_until = date.fromisoformat(f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}")
    except ValueError:
        return None
    expected = sign(key=key, charge=charge, valid_until=valid_until)
    return charge if hmac.compare_digest(expected, token) and today <= valid_until else None


def payment_link(page_url: str, *, key: str, charge: str, valid_until: date) -> str:
    """The address that the mail gives."""
    return f"{page_url}?{urlencode({'token': sign(key=key, charge=charge, valid_until=valid_until)})}"
