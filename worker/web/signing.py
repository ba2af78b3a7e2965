"""Cookies and tokens: nothing that a browser sends is looked up before its signature was checked."""

import hashlib
import secrets

from itsdangerous import BadSignature, Signer

_COOKIE = "odnowa.console.cookie"
_CSRF = "odnowa.console.csrf"


class Signing:
    """Signs with the key of the settings. Cookies carry random tokens; what they mean stands in the database."""

    def __init__(self, key: str) -> None:
        self._cookies = Signer(key, salt=_COOKIE, digest_method=hashlib.sha256)
        self._forms = Signer(key, salt=_CSRF, digest_method=hashlib.sha256)

    def new_cookie(self) -> str:
        """A cookie with a token that nobody can guess."""
        return self._cookies.sign(secrets.token_urlsafe(32)).decode()

    def token(self, cookie: str | None) -> str | None:
        """The token of a cookie of ours, None for anything else."""
        if not cookie:
            return None
        try:
            return self._cookies.unsign(cookie).decode()
        except (BadSignature, UnicodeError):
            return None

    def csrf(self, token: str, name: str) -> str:
        """What the forms of this browser and person carry."""
        return self._forms.get_signature(f"{token}:{name}").decode()

    def is_csrf(self, said: str, token: str, name: str) -> bool:
        """Whether a form carried it."""
        return secrets.compare_digest(said.encode(), self.csrf(token, name).encode())


def fingerprint(token: str) -> str:
    """SHA-256 of a token: what the database keeps, so that a copy of it opens no session."""
    return hashlib.sha256(token.encode()).hexdigest()
