"""Form encoding with nested keys, as Stripe's API takes it: `metadata[a]=1`, `expand[]=x`, `types[0]=y`."""

import hashlib
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

from worker.sandbox.emulator.errors import invalid

Pairs = list[tuple[str, str]]


def decode(encoded: str) -> Pairs:
    """The names and values of a query string or form body, in the order they came."""
    pairs = []
    for piece in encoded.split("&"):
        if not piece:
            continue
        name, _, value = piece.partition("=")
        pairs.append((_unquote(name), _unquote(value)))
    return pairs


def nest(pairs: Pairs) -> dict[str, Any]:
    """Nested mappings of strings. Lists stay mappings from index to value; the parameter's kind decides.

    Raises:
        ApiError: when one name is used both as a value and as a mapping, or a bracket is not closed.
    """
    root: dict[str, Any] = {}
    for name, value in pairs:
        path = _path(name)
        node = root
        for step in path[:-1]:
            below = node.setdefault(step, {})
            if not isinstance(below, dict):
                raise invalid(f"Invalid request: {name} is both a value and a mapping", param=path[0])
            node = below
        last = path[-1] or str(len(node))
        if isinstance(node.get(last), dict):
            raise invalid(f"Invalid request: {name} is both a value and a mapping", param=path[0])
        node[last] = value
    return root


def fingerprint(path: str, pairs: Pairs) -> bytes:
    """What two requests with one idempotency key must share: path and parameters, in any order."""
    return hashlib.blake2b(repr((path, sorted(pairs))).encode(), digest_size=16).digest()


def _unquote(text: str) -> str:
    return unquote_plus(text) if "%" in text or "+" in text else text


@lru_cache(maxsize=4096)
def _path(name: str) -> tuple[str, ...]:
    head, bracket, rest = name.partition("[")
    if not bracket:
        return (name,)
    if not head or not rest.endswith("]"):
        raise invalid(f"Invalid parameter name: {name}", param=name)
    return (head, *rest[:-1].split("]["))
