"""What customers may write: visible characters only, nothing that hides, turns around or breaks a header."""

import unicodedata

from worker.errors import ActRefusedError

# Cc control, Cs half of a surrogate pair, Co private use, Cn unassigned
_UNPRINTABLE = frozenset({"Cc", "Cs", "Co", "Cn", "Zl", "Zp"})
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")


def checked(text: str, *, name: str, longest: int, lines: bool = False, required: bool = False) -> str:
    """The text without outer blanks, in the composed form.

    Args:
        text: as typed.
        name: what it is called in the refusal.
        longest: characters at most.
        lines: whether it may have lines of its own.
        required: whether it may not be empty.

    Raises:
        ActRefusedError: it is too long, is missing, or holds characters that cannot be shown or turn text around.
    """
    found = unicodedata.normalize("NFC", text).strip()
    if required and not found:
        raise ActRefusedError("missing", f"{name} is missing: please fill it in")
    if len(found) > longest:
        raise ActRefusedError(
            "too_long", f"{name} has {len(found)} characters, at most {longest} fit: please shorten it"
        )
    for character in found:
        if lines and character == "\n":
            continue
        if character in _DIRECTION or unicodedata.category(character) in _UNPRINTABLE:
            raise ActRefusedError(
                "characters",
                f"{name} holds the invisible character U+{ord(character):04X}: please type it again without it",
            )
    return found
