"""Makes text that somebody typed safe to print: no control characters, no hidden change of direction."""

import re
import unicodedata

# Cc control, Cs half of a surrogate pair, Co private use, Cn unassigned: nothing that can be shown.
_UNPRINTABLE = frozenset({"Cc", "Cs", "Co", "Cn"})
# They make text read in another order than it is stored, which is a way to forge an amount or an address.
_DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff")
# Every character at which some reader begins a new line, the ones of Unicode included.
_LINE_BREAKS = re.compile("\r\n|[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
_BLANKS = re.compile(" {2,}")


def one_line(text: str) -> str:
    """The text on one line: line breaks and runs of blanks become one blank, unprintable characters go."""
    return _BLANKS.sub(" ", _printable(_LINE_BREAKS.sub(" ", text))).strip()


def paragraphs(text: str) -> str:
    """The text with its line breaks as plain newlines, without unprintable characters and outer blanks."""
    lines = (_printable(line).rstrip() for line in _LINE_BREAKS.sub("\n", text).split("\n"))
    return "\n".join(lines).strip()


def _printable(text: str) -> str:
    kept = (
        character
        for character in text.replace("\t", " ")
        if character not in _DIRECTION and unicodedata.category(character) not in _UNPRINTABLE
    )
    return unicodedata.normalize("NFC", "".join(kept))
