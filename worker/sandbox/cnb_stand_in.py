"""A stand-in for the Czech National Bank's list of rates, on the loopback: it knows no market, its rates are made up.

Like the bank it has a list for each working day from 14:30 in Prague on, and answers for any other day, and for days
to come, with the last list before. Its rates follow from the day alone, so everybody who asks for a day is told the
same. Its clock is the machine's, shifted by what stands in `--clock-file`, or put by the control plane.

The control plane, JSON under /_cnb/:
    POST clock     {"now": "2026-11-25T15:00:00+01:00"}       makes it the present; null goes back to the machine's
    POST holidays  {"days": ["2026-12-24"]}                   days without a list beside weekends
    POST rates     {"2026-11-25": {"EUR": 24.4}}              says otherwise for a day
    POST faults    {"kind": "down", "times": 1}               down: HTTP 503; html: a page; late: waits `seconds` first
    GET  asked     the days that were asked for, oldest first
    DELETE all     forgets everything of these
"""

import argparse
import asyncio
import json
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from aiohttp import web

from worker.sandbox.emulator.clock import Clock

PUBLISHED_AT = time(14, 30)
PRAGUE = ZoneInfo("Europe/Prague")

_HOST = "127.0.0.1"
_LOOK_S = 0.2
_FIRST_DAY = date(1991, 1, 1)
_FAULTS = ("down", "html", "late")
_BASE = {"AUD": (1, 13_700), "EUR": (1, 24_300), "HUF": (100, 6_200), "PLN": (1, 5_700), "USD": (1, 20_900)}
"""Units, and thousandths of a crown around which the made-up rates move."""
_NAMES = {
    "AUD": ("Australia", "dollar"),
    "EUR": ("EMU", "euro"),
    "HUF": ("Hungary", "forint"),
    "PLN": ("Poland", "zloty"),
    "USD": ("USA", "dollar"),
}


@dataclass
class Fault:
    """What goes wrong, and how often it still does."""

    kind: str
    times: int
    seconds: float


@dataclass
class Dials:
    """What the control plane has said."""

    holidays: set[date] = field(default_factory=set)
    rates: dict[str, dict[str, float]] = field(default_factory=dict)
    fault: Fault | None = None
    asked: list[str] = field(default_factory=list)


class StandIn:
    """Answers questions; only waiting happens side by side."""

    def __init__(self, clock_file: Path | None = None) -> None:
        self._dials = Dials()
        self._clock = Clock()
        self._clock_file = clock_file

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Any request: the bank's, or the control plane's."""
        match request.method, request.path:
            case "GET", "/exrates/daily":
                return await self._daily(request)
            case method, path if path.startswith("/_cnb/"):
                return self._control(method, path.removeprefix("/_cnb/"), await _json(request))
        return web.Response(status=404, text="<html><body>This is a stand-in for the bank.</body></html>\n")

    async def _daily(self, request: web.BaseRequest) -> web.Response:
        said = request.query.get("date", "")
        try:
            day = date.fromisoformat(said) if said else self._now().date()
        except ValueError:
            return web.json_response({"errorCode": "VALIDATION_ERROR", "description": said}, status=400)
        self._dials.asked.append(day.isoformat())
        kind = await self._next_fault()
        if kind == "down":
            return web.Response(status=503, text="Service Unavailable")
        if kind == "html":
            return web.Response(text="<html><body>Maintenance</body></html>", content_type="text/html")
        listed = self._last_list(day)
        return web.json_response({"rates": [] if listed is None else self._rates(listed)})

    async def _next_fault(self) -> str | None:
        fault = self._dials.fault
        if fault is None or fault.times < 1:
            return None
        fault.times -= 1
        if fault.kind == "late":
            await asyncio.sleep(fault.seconds)
        return fault.kind

    def _now(self) -> datetime:
        if self._clock_file is not None and self._clock_file.exists():
            self._clock.shift_s = float(self._clock_file.read_text(encoding="ascii"))
        return datetime.fromtimestamp(self._clock.now_s(), PRAGUE)

    def _last_list(self, day: date) -> date | None:
        """The newest day with a list that is not after `day`, by this clock."""
        now = self._now()
        newest = now.date() if now.time() >= PUBLISHED_AT else now.date() - timedelta(days=1)
        at = min(day, newest)
        while at >= _FIRST_DAY and (at.isoweekday() > 5 or at in self._dials.holidays):  # noqa: PLR2004 - Saturday, Sunday
            at -= timedelta(days=1)
        return at if at >= _FIRST_DAY else None

    def _rates(self, day: date) -> list[dict[str, Any]]:
        told = self._dials.rates.get(day.isoformat(), {})
        return [
            {
                "validFor": day.isoformat(),
                "order": day.timetuple().tm_yday,
                "country": _NAMES[code][0],
                "currency": _NAMES[code][1],
                "amount": per,
                "currencyCode": code,
                "rate": told.get(code, (thousandths + day.toordinal() * 7 % 400 - 200) / 1000),
            }
            for code, (per, thousandths) in _BASE.items()
        ]

    def _control(self, method: str, verb: str, said: Mapping[str, Any]) -> web.Response:
        try:
            told = self._obey(method, verb, said)
        except (KeyError, TypeError, ValueError) as error:
            return web.json_response({"error": f"{verb}: {error!r} in {dict(said)!r}"}, status=400)
        return web.json_response(told)

    def _obey(self, method: str, verb: str, said: Mapping[str, Any]) -> dict[str, Any]:
        dials = self._dials
        match method, verb:
            case "POST", "clock" if said["now"] is None:
                self._clock.shift_s = 0.0
            case "POST", "clock":
                self._clock.put_to(datetime.fromisoformat(said["now"]))
            case "POST", "holidays":
                dials.holidays |= {date.fromisoformat(day) for day in said["days"]}
            case "POST", "rates":
                for day, rates in said.items():
                    dials.rates.setdefault(date.fromisoformat(day).isoformat(), {}).update(rates)
            case "POST", "faults" if said["kind"] in _FAULTS:
                dials.fault = Fault(said["kind"], int(said.get("times", 1)), float(said.get("seconds", 0)))
            case "GET", "asked":
                return {"asked": dials.asked}
            case "DELETE", "all":
                self._dials = Dials()
                self._clock.shift_s = 0.0
            case _:
                raise ValueError(f"{method} {verb} is no word of the control plane")
        return {}


async def _json(request: web.BaseRequest) -> dict[str, Any]:
    try:
        said = json.loads(await request.read() or b"{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


async def serve(*, port: int, port_file: Path | None, clock_file: Path | None, parent: int | None) -> None:
    """Listen until told to stop, or until the parent process is gone.

    Args:
        port: 0 for any free one.
        port_file: where to write the port once questions can come.
        clock_file: a file with the seconds by which its clock is shifted.
        parent: process number to live as long as; None to live on.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.ServerRunner(web.Server(StandIn(clock_file).handle, access_log=None), shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, _HOST, port).start()
    bound = runner.addresses[0][1]
    print(f"Stand-in for the bank on http://{_HOST}:{bound}: its rates are made up.", flush=True)
    if port_file is not None:
        growing = port_file.with_name(f".{port_file.name}.part")
        growing.write_text(f"{bound}\n", encoding="ascii")
        growing.replace(port_file)
    while not stop.is_set() and parent in (None, os.getppid()):
        try:
            await asyncio.wait_for(stop.wait(), _LOOK_S)
        except TimeoutError:
            continue
    await runner.cleanup()


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0 takes any free one")
    parser.add_argument("--port-file", type=Path, help="where to write the port once questions can come")
    parser.add_argument("--clock-file", type=Path, help="a file with the seconds by which its clock is shifted")
    parser.add_argument("--die-with-parent", action="store_true", help="end when the starter ends")
    options = parser.parse_args()
    parent = os.getppid() if options.die_with_parent else None
    asyncio.run(serve(port=options.port, port_file=options.port_file, clock_file=options.clock_file, parent=parent))


if __name__ == "__main__":
    main()
