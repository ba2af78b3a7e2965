"""Faults on demand: what the network and Stripe itself may do to a request and to its answer.

A fault is armed through the control plane, waits for its n-th fitting request, strikes and is spent; or it strikes at
random, by a seed and a rate for each kind. Three tables hold the kinds, by the moment at which they strike:

    BEFORE   the request is not executed, or only later
    INSTEAD  it was executed; another answer takes the place of the true one, and the key remembers that other one
    ON_WIRE  it was executed, and the key remembers the true answer, which arrives damaged, late or never

What clients see has the headers and bodies of the real thing: nothing tells a fault of ours from one of Stripe's.
"""

import asyncio
import random
import socket
import struct
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from worker.sandbox.emulator.errors import CONFLICT, LIMITED, ApiError

MAX_STALL_S = 600.0
REASONS = ("global-rate", "endpoint-rate", "global-concurrency", "endpoint-concurrency", "resource-specific")
"""Why a request was limited, as the header `Stripe-Rate-Limited-Reason` says it."""

_FAILED, _DEPENDENCY, _BAD_GATEWAY = 500, 424, 502
_PAGE = (
    "<html>\r\n<head><title>{status} {words}</title></head>\r\n<body>\r\n"
    "<center><h1>{status} {words}</h1></center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
)
_WORDS = {502: "Bad Gateway", 503: "Service Temporarily Unavailable", 504: "Gateway Time-out"}


@dataclass(slots=True)
class Where:
    """What a fault may select a request by."""

    endpoint: str
    customer: str | None
    metadata: dict[str, str]


@dataclass(slots=True)
class Fault:
    """An armed fault.

    Args:
        kind: a name in KINDS.
        endpoint: strikes only requests of this class; None for any.
        customer: strikes only requests about this customer; None for any.
        metadata: strikes only requests about objects that carry all of these.
        nth: the first fitting request that is struck, from 1, counted since it was armed.
        times: how many fitting requests are struck in a row.
        seconds: how long, for kinds that take time.
        reason: what the header of a 429 says; None sends none.
        should_retry: what the header `Stripe-Should-Retry` of an error says; None sends none.
        status: which status a broken gateway answers, 502, 503 or 504.
    """

    kind: str
    endpoint: str | None = None
    customer: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    nth: int = 1
    times: int = 1
    seconds: float = 30.0
    reason: str | None = None
    should_retry: bool | None = None
    status: int = _BAD_GATEWAY
    seen: int = 0
    struck: int = 0

    def fits(self, where: Where) -> bool:
        """Whether the fault looks at this request at all."""
        return (
            self.endpoint in {None, where.endpoint}
            and self.customer in {None, where.customer}
            and self.metadata.items() <= where.metadata.items()
        )

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says of trying again."""
        return {} if self.should_retry is None else {"Stripe-Should-Retry": str(self.should_retry).lower()}

    def shown(self) -> dict[str, Any]:
        """The fault as JSON."""
        return {
            "kind": self.kind,
            "endpoint": self.endpoint,
            "customer": self.customer,
            "metadata": self.metadata,
            "nth": self.nth,
            "times": self.times,
            "seconds": self.seconds,
            "reason": self.reason,
            "should_retry": self.should_retry,
            "status": self.status,
            "struck": self.struck,
        }


Before = Callable[[Fault, web.BaseRequest], Awaitable[web.Response | ApiError | None]]
"""Keeps a request from being executed: gives what is sent instead, None when it is executed after all."""
Instead = Callable[[Fault], ApiError]
"""The error that takes the place of an answer."""
OnWire = Callable[[Fault, web.BaseRequest, web.Response], Awaitable[web.StreamResponse]]
"""What the wire does to an answer."""


def _nothing() -> web.Response:
    """Stands for an answer that nobody gets, since the connection is closed."""
    return web.Response(status=_FAILED)


async def _never_came(_fault: Fault, request: web.BaseRequest) -> web.Response:
    _close(request)
    return _nothing()


async def _reset_on_its_way(_fault: Fault, request: web.BaseRequest) -> web.Response:
    _abort(request)
    return _nothing()


async def _executed_late(fault: Fault, _request: web.BaseRequest) -> None:
    await asyncio.sleep(fault.seconds)


async def _limited(fault: Fault, _request: web.BaseRequest) -> ApiError:
    headers = fault.headers if fault.reason is None else {**fault.headers, "Stripe-Rate-Limited-Reason": fault.reason}
    said = "Request rate limit exceeded. Stripe's documentation tells more about rate limits."
    return ApiError(LIMITED, said, code="rate_limit", started=False, headers=headers)


async def _locked(fault: Fault, _request: web.BaseRequest) -> ApiError:
    said = "This object cannot be accessed right now because another request is using it. Please try again."
    return ApiError(LIMITED, said, code="lock_timeout", started=False, headers=fault.headers)


async def _in_flight(fault: Fault, request: web.BaseRequest) -> ApiError:
    key = request.headers.get("Idempotency-Key", "")
    said = f"There is currently another in-progress request using this Idempotent Key: {key}. Please try again later."
    return ApiError(CONFLICT, said, code="idempotency_key_in_use", started=False, headers=fault.headers)


async def _gateway_before(fault: Fault, _request: web.BaseRequest) -> web.Response:
    return _page(fault)


def _broken(fault: Fault) -> ApiError:
    said = "An unknown error occurred. Please try again, or contact support."
    return ApiError(_FAILED, said, kind="api_error", headers=fault.headers)


def _dependency(fault: Fault) -> ApiError:
    said = "The request could not be completed because something that it depends on failed."
    return ApiError(_DEPENDENCY, said, kind="api_error", headers=fault.headers)


async def _stall(fault: Fault, _request: web.BaseRequest, response: web.Response) -> web.Response:
    await asyncio.sleep(fault.seconds)
    return response


async def _drop(_fault: Fault, request: web.BaseRequest, response: web.Response) -> web.Response:
    _close(request)
    return response


async def _reset(_fault: Fault, request: web.BaseRequest, response: web.Response) -> web.Response:
    _abort(request)
    return response


async def _truncate(_fault: Fault, request: web.BaseRequest, response: web.Response) -> web.StreamResponse:
    half = await _half(request, response)
    _close(request)
    return half


async def _stall_in_body(fault: Fault, request: web.BaseRequest, response: web.Response) -> web.StreamResponse:
    half = await _half(request, response)
    await asyncio.sleep(fault.seconds)
    _close(request)
    return half


async def _gateway(fault: Fault, _request: web.BaseRequest, _response: web.Response) -> web.Response:
    return _page(fault)


BEFORE: Mapping[str, Before] = {
    "drop_before_execution": _never_came,
    "reset_before_execution": _reset_on_its_way,
    "late_execution": _executed_late,
    "rate_limit": _limited,
    "lock_timeout": _locked,
    "key_in_use": _in_flight,
    "bad_gateway_before_execution": _gateway_before,
}
BROKEN_BEFORE: Mapping[str, Instead] = {"error_before_execution": _broken}
"""Not executed either; but execution had begun, so the key remembers the error."""
INSTEAD: Mapping[str, Instead] = {"error_after_execution": _broken, "dependency_failed": _dependency}
ON_WIRE: Mapping[str, OnWire] = {
    "stall": _stall,
    "drop_after_execution": _drop,
    "reset_after_execution": _reset,
    "truncated": _truncate,
    "stall_in_body": _stall_in_body,
    "bad_gateway": _gateway,
}
KINDS = (*BEFORE, *BROKEN_BEFORE, *INSTEAD, *ON_WIRE)


def _close(request: web.BaseRequest) -> None:
    if request.transport is not None:
        request.transport.close()


def _abort(request: web.BaseRequest) -> None:
    """Close with a reset: what was not sent is thrown away, and the other side is told so."""
    transport = request.transport
    if transport is not None:
        held: socket.socket = transport.get_extra_info("socket")
        held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()


async def _half(request: web.BaseRequest, response: web.Response) -> web.StreamResponse:
    """Send the head, which promises all of the body, and half of that."""
    body = response.body
    assert isinstance(body, bytes), "the API's answers are bytes"
    half = web.StreamResponse(status=response.status, headers=response.headers)
    half.content_length = len(body)
    await half.prepare(request)
    await half.write(body[: len(body) // 2])
    return half


def _page(fault: Fault) -> web.Response:
    """What a gateway in front of the API says when it cannot reach it."""
    said = _PAGE.format(status=fault.status, words=_WORDS[fault.status])
    return web.Response(body=said.encode(), status=fault.status, headers={"Content-Type": "text/html", **fault.headers})


@dataclass(slots=True)
class Chances:
    """Faults at random: for each kind the share of fitting requests that it strikes, drawn in the order of arrival."""

    seed: int
    rates: Mapping[str, float]
    like: Fault
    drawn: random.Random = field(init=False)
    struck: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Begin to draw."""
        self.drawn = random.Random(self.seed)

    def draw(self, where: Where) -> Fault | None:
        """The fault that chance sends this request, mostly none."""
        if not self.like.fits(where):
            return None
        lot = self.drawn.random()
        for kind, rate in self.rates.items():
            if lot < rate:
                self.struck[kind] += 1
                return _like(self.like, kind)
            lot -= rate
        return None

    def shown(self) -> dict[str, Any]:
        """The chances as JSON, with what they came to."""
        return {"seed": self.seed, "rates": dict(self.rates), "struck": dict(self.struck)}


def _like(fault: Fault, kind: str) -> Fault:
    return Fault(kind, seconds=fault.seconds, reason=fault.reason, should_retry=fault.should_retry, status=fault.status)


_SELECTS = frozenset({"endpoint", "customer", "metadata"})
_SAYS = frozenset({"seconds", "reason", "should_retry", "status"})


class Faults:
    """The armed faults, and those at random."""

    def __init__(self) -> None:
        self.armed: list[Fault] = []
        self.chances: Chances | None = None

    @property
    def quiet(self) -> bool:
        """Whether nothing can strike."""
        return not self.armed and self.chances is None

    def arm(self, given: dict[str, Any]) -> Fault:
        """Arm a fault as given in JSON. Raises ValueError when it makes no sense."""
        fault = _checked(given, _SELECTS | _SAYS | {"kind", "nth", "times"})
        self.armed.append(fault)
        return fault

    def leave_to_chance(self, given: dict[str, Any]) -> Chances:
        """Have faults strike at random from now on, as given in JSON. Raises ValueError when it makes no sense."""
        seed, rates = given.get("seed"), given.get("rates")
        if not isinstance(seed, int) or not isinstance(rates, dict):
            raise ValueError("give a seed, a whole number, and rates, a share of 1 for each kind")  # noqa: TRY004 - answered like every other wrong value
        like = {name: value for name, value in given.items() if name not in {"seed", "rates"}}
        for kind in rates:
            _checked({**like, "kind": kind}, _SELECTS | _SAYS | {"kind"})
        if any(not 0 <= rate <= 1 for rate in rates.values()) or sum(rates.values()) > 1:
            raise ValueError("a rate is a share of the requests: from 0 to 1, and all together no more than 1")
        self.chances = Chances(seed, rates, Fault(KINDS[0], **like)) if rates else None
        return self.chances or Chances(seed, {}, Fault(KINDS[0]))

    def strike(self, where: Where) -> Fault | None:
        """The fault that this request meets, if any; every fitting one counts the request."""
        met = None
        for fault in self.armed:
            if not fault.fits(where):
                continue
            fault.seen += 1
            if met is None and fault.nth <= fault.seen < fault.nth + fault.times:
                fault.struck += 1
                met = fault
        if met is None and self.chances is not None:
            met = self.chances.draw(where)
        return met

    def clear(self) -> None:
        """Let nothing strike any more."""
        self.armed.clear()
        self.chances = None


def _checked(given: dict[str, Any], allowed: frozenset[str]) -> Fault:
    if unknown := set(given) - allowed:
        raise ValueError(f"unknown members of a fault: {', '.join(sorted(unknown))}")
    if given.get("kind") not in KINDS:
        raise ValueError(f"unknown kind of fault; there are {', '.join(KINDS)}")
    fault = Fault(**given)
    if fault.nth < 1 or fault.times < 1 or not 0 <= fault.seconds <= MAX_STALL_S:
        raise ValueError(f"nth and times start at 1, seconds lie between 0 and {MAX_STALL_S:.0f}")
    if fault.reason not in {None, *REASONS}:
        raise ValueError(f"the reason of a 429 is one of {', '.join(REASONS)}, or null for no header")
    if fault.should_retry not in {None, True, False} or fault.status not in _WORDS:
        raise ValueError(f"should_retry is true, false or null; status is one of {', '.join(map(str, _WORDS))}")
    return fault
