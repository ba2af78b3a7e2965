"""The seller's mark at the top of documents: an SVG or PNG picture, looked at before anything is printed with it."""

import re
from dataclasses import dataclass
from typing import Literal

from worker.errors import DocumentError

LOGO_MAX = 64 * 1024
"""Bytes. It is part of every document."""

_PNG = b"\x89PNG\r\n\x1a\n"
_SVG = re.compile(rb"\A(\xef\xbb\xbf)?\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<svg[\s>]", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture and its format."""

    format: Literal["svg", "png"]
    content: bytes


def read_logo(content: bytes) -> Logo:
    """The picture in a file.

    Raises:
        DocumentError: it is too large, or neither SVG nor PNG.
    """
    if len(content) > LOGO_MAX:
        raise DocumentError(f"the logo has {len(content)} bytes, and {LOGO_MAX} are the most")
    if content.startswith(_PNG):
        return Logo("png", content)
    try:
        content.decode()
    except UnicodeDecodeError:
        raise DocumentError("the logo is neither an SVG nor a PNG picture") from None
    if _SVG.match(content):
        return Logo("svg", content)
    raise DocumentError("the logo is neither an SVG nor a PNG picture")
