"""One request to the API, after routing, authentication and checked parameters."""

from dataclasses import dataclass
from typing import Any

from worker.sandbox.emulator.events import Cause


@dataclass(slots=True)
class Call:
    """What an endpoint is given.

    Args:
        endpoint: the endpoint's class, such as `payment_intents.confirm`.
        target: the id in the URL, empty for a collection.
        params: the checked parameters.
        cause: the request's id and idempotency key, for events and the journal.
    """

    endpoint: str
    target: str
    params: dict[str, Any]
    cause: Cause
