"""The parameters an endpoint takes: their kinds, and the refusals when they do not fit."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from worker.sandbox.emulator.errors import invalid

Kind = Callable[[str, Any], Any]

MAX_METADATA_KEYS = 50
MAX_METADATA_NAME = 40
MAX_METADATA_VALUE = 500
MAX_PAGE = 100

_WHOLE = re.compile(r"-?[0-9]{1,18}\Z")


@dataclass(frozen=True, slots=True)
class Spec:
    """What an endpoint takes.

    Args:
        takes: the parameters that the emulator implements, with their kinds.
        known: what Stripe takes besides; refused here by name rather than silently ignored.
        required: what may not be left out.
    """

    takes: Mapping[str, Kind]
    known: frozenset[str] = frozenset()
    required: tuple[str, ...] = ()

    def read(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """The parameters in their own types. Raises ApiError (validation) at the first that does not fit."""
        checked = {}
        for name, value in given.items():
            kind = self.takes.get(name)
            if kind is None:
                raise self._unknown(name)
            checked[name] = kind(name, value)
        for name in self.required:
            if name not in checked:
                raise invalid(f"Missing required param: {name}.", code="parameter_missing", param=name)
        return checked

    def _unknown(self, name: str) -> Exception:
        if name == "payment_method_types":
            return invalid(
                "The `payment_method_types` parameter is no longer supported in this API version. "
                "Use `allowed_payment_method_types` instead.",
                code="payment_method_types_no_longer_supported",
                param=name,
            )
        if name in self.known:
            return invalid(
                f"Stripe takes {name} here, but this emulator does not implement it.",
                code="emulator_unsupported",
                param=name,
            )
        return invalid(f"Received unknown parameter: {name}", code="parameter_unknown", param=name)


def text(name: str, value: Any) -> str:
    """A string that is not empty."""
    if not isinstance(value, str):
        raise invalid("Invalid string: expected a string, got a mapping", param=name)
    if value == "":
        raise invalid(
            f"You passed an empty string for '{name}'. An empty value is taken as an attempt to unset a "
            f"parameter, and '{name}' cannot be unset.",
            code="parameter_invalid_empty",
            param=name,
        )
    return value


def whole(name: str, value: Any) -> int:
    """A whole number; 49.99 is refused."""
    if not isinstance(value, str) or not _WHOLE.match(value):
        raise invalid(f"Invalid integer: {value}", code="parameter_invalid_integer", param=name)
    return int(value)


def page_size(name: str, value: Any) -> int:
    """A page length from 1 to 100."""
    size = whole(name, value)
    if not 1 <= size <= MAX_PAGE:
        raise invalid("This value must be between 1 and 100.", code="parameter_invalid_integer", param=name)
    return size


def flag(name: str, value: Any) -> bool:
    """`true` or `false`."""
    if value not in {"true", "false"}:
        raise invalid(f"Invalid boolean: {value}", param=name)
    return bool(value == "true")


def off_session(name: str, value: Any) -> bool:
    """A boolean, or one of the two words that also mean true."""
    return True if value in {"one_off", "recurring"} else flag(name, value)


def one_of(*allowed: str) -> Kind:
    """A word from a closed list."""

    def check(name: str, value: Any) -> str:
        if value not in allowed:
            raise invalid(f"Invalid {name}: must be one of {', '.join(allowed)}", param=name)
        return str(value)

    return check


def names(name: str, value: Any) -> list[str]:
    """A list of strings, sent as `x[]=` or `x[0]=`."""
    if not isinstance(value, dict) or not all(key.isdigit() for key in value):
        raise invalid("Invalid array", param=name)
    return [text(name, value[key]) for key in sorted(value, key=int)]


def mapping(name: str, value: Any) -> dict[str, Any]:
    """A nested mapping whose members the endpoint looks at itself."""
    if not isinstance(value, dict):
        raise invalid("Invalid object", param=name)
    return value


def metadata(name: str, value: Any) -> dict[str, str]:
    """Up to 50 strings under short names; an empty value means that the name is not kept."""
    if value == "":
        return {}
    members = mapping(name, value)
    if len(members) > MAX_METADATA_KEYS:
        raise invalid(f"Metadata can have up to {MAX_METADATA_KEYS} keys.", param=name)
    for key, held in members.items():
        if not isinstance(held, str):
            raise invalid("Metadata values must be strings.", param=f"{name}[{key}]")
        if len(key) > MAX_METADATA_NAME or len(held) > MAX_METADATA_VALUE:
            raise invalid(
                f"Metadata names take up to {MAX_METADATA_NAME} characters, values {MAX_METADATA_VALUE}.",
                param=f"{name}[{key}]",
            )
    return {key: held for key, held in members.items() if held}


def span(name: str, value: Any) -> tuple[int, int]:
    """A filter on `created`: the first second inside and the first second after."""
    if isinstance(value, str):
        exact = whole(name, value)
        return exact, exact + 1
    low, high = 0, 2**62
    for word, bound in mapping(name, value).items():
        at = whole(f"{name}[{word}]", bound)
        if word in {"gt", "gte"}:
            low = max(low, at + (word == "gt"))
        elif word in {"lt", "lte"}:
            high = min(high, at + (word == "lte"))
        else:
            raise invalid(f"Received unknown parameter: {name}[{word}]", code="parameter_unknown", param=name)
    return low, high


PAGING: dict[str, Kind] = {
    "limit": page_size,
    "starting_after": text,
    "ending_before": text,
    "expand": names,
}
