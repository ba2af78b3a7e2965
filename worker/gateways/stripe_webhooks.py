"""The provider's webhooks: is it signed by the provider, and lately; and which object does it speak of.

The signature is over the bytes as they came: HMAC-SHA256 of `<time>.<body>`, in a header `t=...,v1=...,v1=...`. The
provider's own library reads the machine's clock and takes one secret; ours goes by the house's, and by several.
"""

import hashlib
import hmac
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from worker.errors import SignatureError
from worker.gateways.answers import ProviderEvent
from worker.gateways.stripe import EVENT_TYPES, about_of

TOLERANCE = timedelta(seconds=300)
"""The provider's own: what is older may be a recording played back, and what is newer no clock of its ever said."""
SIGNATURES_MAX = 20
NAME_MAX = 255


@dataclass(frozen=True, slots=True)
class Notice:
    """What a webhook says happened: ids and a type. `intent_id` is "" when no PaymentIntent is concerned."""

    event_id: str
    type: str
    object_id: str
    intent_id: str
    api_version: str | None
    created_at: datetime

    @property
    def wanted(self) -> bool:
        """Whether we ask for events of this type."""
        return self.type in EVENT_TYPES


def check_signature(body: bytes, header: str, secrets: Sequence[str], *, now: datetime) -> None:
    """Pass if one of the secrets signed these bytes, at most `TOLERANCE` ago.

    Raises:
        SignatureError: none of them did, or not lately, or the header is none.
    """
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    signatures = [value for name, _, value in parts if name == "v1"][:SIGNATURES_MAX]
    if len(times) != 1 or not (times[0].isascii() and times[0].isdigit() and len(times[0]) <= 12) or not signatures:  # noqa: PLR2004 - twelve digits reach beyond every calendar
        raise SignatureError("the signature's header cannot be read")
    signed = f"{times[0]}.".encode("ascii") + body
    expected = [hmac.new(one.encode(), signed, hashlib.sha256).hexdigest().encode() for one in secrets]
    given = [one.encode("utf-8", "replace") for one in signatures]
    if not any(hmac.compare_digest(one, other) for one in expected for other in given):
        raise SignatureError("no secret of ours signed this")
    if abs(now.timestamp() - int(times[0])) > TOLERANCE.total_seconds():
        raise SignatureError("it was signed too long ago, or in the future")


def read_notice(body: bytes) -> Notice:
    """What a signed body says. Raises SignatureError when it is no event, which the provider never signs."""
    try:
        told = json.loads(body)
        subject = told["data"]["object"]
        kind, object_id = told["type"], subject.get("id") or ""
        intent = object_id if subject.get("object") == "payment_intent" else subject.get("payment_intent") or ""
        if isinstance(intent, dict):
            intent = intent.get("id") or ""
        notice = Notice(
            told["id"], kind, object_id, intent, told.get("api_version"), datetime.fromtimestamp(told["created"], UTC)
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, OSError, RecursionError) as error:
        raise SignatureError("it is signed, and no event") from error
    words = (notice.event_id, notice.type, notice.object_id, notice.intent_id, notice.api_version or "")
    if not all(isinstance(one, str) and len(one) <= NAME_MAX and one.isprintable() for one in words):
        raise SignatureError("it is signed, and no event: its names are none")
    if not (notice.event_id and notice.type) or (notice.wanted and not notice.object_id):
        raise SignatureError("it is signed, and no event: it lacks a name")
    return notice


def as_provider_event(
    *,
    event_id: str,
    type: str,  # noqa: A002 - the column's name
    object_id: str,
    intent_id: str,
    created_at: datetime,
) -> ProviderEvent:
    """A notice that was kept, as a line of the provider's own list."""
    return ProviderEvent(event_id, type, about_of(type), object_id, intent_id, created_at)
