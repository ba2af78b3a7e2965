"""The control plane under /_emulator/: clock, seeds, scripts, disputes, faults, limits, journal; JSON, no password.

It does what Stripe has no API for, so nothing of the product may call it; tests and the demo do.
"""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from worker.sandbox.emulator import disputes, methods, refunds, seeding
from worker.sandbox.emulator.dials import Dials
from worker.sandbox.emulator.endpoints import NAMES
from worker.sandbox.emulator.errors import MISSING, ApiError
from worker.sandbox.emulator.events import Manner
from worker.sandbox.emulator.outcomes import Script, parse, parse_refund
from worker.sandbox.emulator.world import World

Json = dict[str, Any]
Handler = Callable[[str, Json], Json]

_BAD, _NO_ROUTE = 400, 404
_CARD = {"exp_month": int, "exp_year": int, "last4": str, "brand": str}


class Control:
    """The control plane's endpoints."""

    def __init__(self, world: World, dials: Dials) -> None:
        self._world = world
        self._dials = dials
        self._routes: dict[tuple[str, str], Handler] = {
            ("GET", "health"): self._health,
            ("GET", "clock"): self._clock,
            ("PUT", "clock"): self._move_clock,
            ("POST", "seed"): lambda _name, given: seeding.seed(self._world, given),
            ("PUT", "scripts/"): self._script,
            ("PUT", "refund_scripts/"): self._refund_script,
            ("POST", "cards/update"): self._update_card,
            ("POST", "agreements/cancel"): self._cancel_agreement,
            ("POST", "disputes"): self._open_dispute,
            ("POST", "disputes/close"): self._close_dispute,
            ("GET", "events"): self._events,
            ("PUT", "events"): self._withhold_events,
            ("GET", "events/manner"): self._manner,
            ("PUT", "events/manner"): self._put_manner,
            ("GET", "faults"): self._faults,
            ("POST", "faults"): self._arm,
            ("DELETE", "faults"): self._disarm,
            ("GET", "chances"): self._chances,
            ("PUT", "chances"): self._leave_to_chance,
            ("GET", "limits"): self._limits,
            ("PUT", "limits"): self._put_limits,
            ("PUT", "latency"): self._latency,
            ("GET", "journal"): self._journal,
            ("GET", "attempts"): lambda _name, _given: {"attempts": self._world.journal.attempts},
            ("GET", "stats"): lambda _name, _given: self._dials.limits.shown(),
            ("POST", "stats/reset"): self._reset,
        }

    async def handle(self, request: web.BaseRequest, path: str, query: str) -> web.Response:
        """Any request under /_emulator/. A wrong one is answered with 400 and a sentence."""
        pieces = path.split("/")[2:]
        handler = self._routes.get((request.method, "/".join(pieces)))
        name = ""
        if handler is None and len(pieces) > 1:
            name = pieces[1]
            handler = self._routes.get((request.method, f"{pieces[0]}/{''.join(pieces[2:])}"))
        if handler is None:
            return _json({"error": f"no such control: {request.method} {path}"}, status=_NO_ROUTE)
        try:
            body = await request.content.read() if request.can_read_body else b""
            given = json.loads(body) if body else dict(parse_qsl(query))
            if not isinstance(given, dict):
                return _json({"error": "the body must be a JSON object"}, status=_BAD)
            return _json(handler(name, given))
        except ApiError as error:
            return _json(error.body(), status=MISSING)
        except (ValueError, TypeError, KeyError) as error:
            return _json({"error": f"{type(error).__name__}: {error}"}, status=_BAD)

    def _health(self, _name: str, _given: Json) -> Json:
        return {"emulator": True, "ok": True, "now": self._world.clock.iso()}

    def _clock(self, _name: str, _given: Json) -> Json:
        return {"now": self._world.clock.iso(), "shift_s": self._world.clock.shift_s}

    def _move_clock(self, name: str, given: Json) -> Json:
        clock = self._world.clock
        match given:
            case {"now": str(instant), **rest} if not rest:
                clock.put_to(datetime.fromisoformat(instant))
            case {"advance_s": int() | float() as seconds, **rest} if not rest:
                clock.shift_s += seconds
            case {"shift_s": int() | float() as seconds, **rest} if not rest:
                clock.shift_s = float(seconds)
            case _:
                raise ValueError("give one of now (ISO 8601), advance_s, shift_s")
        self._world.settle()
        return self._clock(name, given)

    def _script(self, name: str, given: Json) -> Json:
        method = self._world.method(name)
        script = Script(methods.checked_script(given.get("script")), parse)
        self._world.scripts[method.id] = script
        return {"payment_method": method.id, "script": script.entries}

    def _refund_script(self, name: str, given: Json) -> Json:
        method = self._world.method(name)
        script = Script(refunds.checked_script(given.get("script")), parse_refund)
        self._world.refund_scripts[method.id] = script
        return {"payment_method": method.id, "script": script.entries}

    def _update_card(self, name: str, given: Json) -> Json:
        for member, value in given.items():
            if not isinstance(value, _CARD[member]):
                raise ValueError(  # noqa: TRY004 - answered like every other wrong value
                    f"{member} must be a {_CARD[member].__name__}"
                )
        return methods.update_card(self._world, self._world.method(name), **given).shown()

    def _cancel_agreement(self, name: str, _given: Json) -> Json:
        method = self._world.method(name)
        if not methods.end_agreement(self._world, method):
            raise ValueError(f"{name} has no active agreement")
        return {"payment_method": name, "mandate": method.mandate, "status": "inactive"}

    def _open_dispute(self, _name: str, given: Json) -> Json:
        match given:
            case {"payment_intent": str(intent), **rest} if not set(rest) - {"reason"}:
                reason = str(rest.get("reason", "fraudulent"))
            case _:
                raise ValueError("give a payment_intent, and a reason if it is not fraudulent")
        return disputes.open_one(self._world, intent=intent, reason=reason).shown()

    def _close_dispute(self, name: str, given: Json) -> Json:
        return disputes.close(self._world, name, status=str(given.get("status"))).shown()

    def _events(self, _name: str, _given: Json) -> Json:
        log = self._world.events
        return {"withheld": log.withholds, "count": log.withheld}

    def _withhold_events(self, name: str, given: Json) -> Json:
        match given:
            case {"withheld": bool(withheld), **rest} if not rest:
                self._world.events.withholds = withheld
            case _:
                raise ValueError("withheld is true or false")
        return self._events(name, given)

    def _manner(self, _name: str, _given: Json) -> Json:
        return self._world.events.manner.shown()

    def _put_manner(self, name: str, given: Json) -> Json:
        self._world.events.behave(Manner.of(given), now=self._world.now())
        return self._manner(name, given)

    def _faults(self, _name: str, _given: Json) -> Json:
        return {"faults": [fault.shown() for fault in self._dials.faults.armed]}

    def _arm(self, _name: str, given: Json) -> Json:
        _demand_endpoint(given)
        return self._dials.faults.arm(given).shown()

    def _disarm(self, name: str, given: Json) -> Json:
        self._dials.faults.clear()
        return self._faults(name, given)

    def _chances(self, _name: str, _given: Json) -> Json:
        chances = self._dials.faults.chances
        return {} if chances is None else chances.shown()

    def _leave_to_chance(self, _name: str, given: Json) -> Json:
        _demand_endpoint(given)
        return self._dials.faults.leave_to_chance(given).shown()

    def _limits(self, _name: str, _given: Json) -> Json:
        return {"per_endpoint": self._dials.limits.per_endpoint, "global": self._dials.limits.overall}

    def _put_limits(self, name: str, given: Json) -> Json:
        for member in given:
            if member not in {"per_endpoint", "global"}:
                raise ValueError(f"unknown limit {member}")
        per_endpoint, overall = given.get("per_endpoint"), given.get("global")
        if any(rate is not None and not rate > 0 for rate in (per_endpoint, overall)):
            raise ValueError("a limit is a positive number of requests a second, or null for none")
        self._dials.limits.put(per_endpoint=per_endpoint, overall=overall)
        return self._limits(name, given)

    def _latency(self, _name: str, given: Json) -> Json:
        milliseconds = float(given["ms"])
        if milliseconds < 0:
            raise ValueError("ms may not be negative")
        self._dials.latency_s = milliseconds / 1000
        return {"ms": milliseconds}

    def _journal(self, _name: str, given: Json) -> Json:
        low = _day(given["since"]).timestamp() if "since" in given else 0.0
        high = (_day(given["until"]) + timedelta(days=1)).timestamp() if "until" in given else float("inf")
        return self._world.journal.read(low=low, high=high)

    def _reset(self, _name: str, _given: Json) -> Json:
        self._dials.limits.reset()
        return self._dials.limits.shown()


def _demand_endpoint(given: Json) -> None:
    if given.get("endpoint") not in {None, *NAMES}:
        raise ValueError(f"no such endpoint; there are {', '.join(sorted(NAMES))}")


def _day(text: str) -> datetime:
    day = date.fromisoformat(text)
    return datetime(day.year, day.month, day.day, tzinfo=UTC)


def _json(content: Json, *, status: int = 200) -> web.Response:
    return web.Response(body=json.dumps(content).encode(), status=status, headers={"Content-Type": "application/json"})
