"""A stand-in for VIES on the loopback: knows no business, and answers by the official table of test numbers.

The digits of a number, in any country, say what becomes of it: 100 is valid, 200 is not, and others are errors, as
the table below. It stands in the description of the official test service, which is served here too, under its own
path; on the path of the real service other numbers are valid unless the control plane says otherwise.

The control plane, JSON under /_vies/:
    POST numbers  {"PL5260001246": "INVALID", "*": "MS_UNAVAILABLE"}   VALID, INVALID or an error; * for all others
    POST outages  {"country": "PL", "error": "MS_UNAVAILABLE"}         * for all countries; null ends it
    POST delays   {"country": "PL", "seconds": 3}                      before each answer
    POST limits   {"at_once": 1}                                       more get MS_MAX_CONCURRENT_REQ; null for none
    GET  asked    what was asked, oldest first, and how many at once at the most, by country
    DELETE all    forgets everything of these
"""

import argparse
import asyncio
import itertools
import json
import os
import signal
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from aiohttp import web

from worker.sandbox.emulator.clock import Clock

TEST_NUMBERS: Mapping[str, str] = MappingProxyType(
    {
        "100": "VALID",
        "200": "INVALID",
        "201": "INVALID_INPUT",
        "202": "INVALID_REQUESTER_INFO",
        "300": "SERVICE_UNAVAILABLE",
        "301": "MS_UNAVAILABLE",
        "302": "TIMEOUT",
        "400": "VAT_BLOCKED",
        "401": "IP_BLOCKED",
        "500": "GLOBAL_MAX_CONCURRENT_REQ",
        "501": "GLOBAL_MAX_CONCURRENT_REQ_TIME",
        "600": "MS_MAX_CONCURRENT_REQ",
        "601": "MS_MAX_CONCURRENT_REQ_TIME",
    }
)
"""Of the official test service; every other number is SERVICE_UNAVAILABLE there."""

_HOST = "127.0.0.1"
_LOOK_S = 0.2
_VERDICTS = {"VALID": True, "INVALID": False}
_ERRORS = frozenset(TEST_NUMBERS.values()) - frozenset(_VERDICTS)
_SECRETIVE = frozenset({"DE", "ES", "PL"})
"""States that do not tell names."""
_STATES = frozenset(
    "AT BE BG CY CZ DE DK EE EL ES FI FR HR HU IE IT LT LU LV MT NL PL PT RO SE SI SK XI".split()  # noqa: SIM905 - a table
)


@dataclass
class Dials:
    """What the control plane has said."""

    numbers: dict[str, str] = field(default_factory=dict)
    outages: dict[str, str] = field(default_factory=dict)
    delays_s: dict[str, float] = field(default_factory=dict)
    at_once: int | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    present: Counter[str] = field(default_factory=Counter)
    most_at_once: Counter[str] = field(default_factory=Counter)


class StandIn:
    """Answers questions; only waiting happens side by side."""

    def __init__(self) -> None:
        self._dials = Dials()
        self._clock = Clock()
        self._names = itertools.count(1)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Any request: the service, its test service or the control plane."""
        match request.method, request.path:
            case "POST", "/check-vat-number":
                return await self._service(request, official=False)
            case "POST", "/check-vat-test-service":
                return await self._service(request, official=True)
            case "GET", "/check-status":
                return web.json_response(self._status())
            case method, path if path.startswith("/_vies/"):
                return self._control(method, path.removeprefix("/_vies/"), await _json(request))
        return web.Response(status=404, text="<html><body>This is a stand-in for VIES.</body></html>\n")

    async def _service(self, request: web.BaseRequest, *, official: bool) -> web.Response:
        question = await _json(request)
        country, number = question.get("countryCode"), question.get("vatNumber")
        if country not in _STATES or not isinstance(number, str) or not number:
            return _error("VOW-ERR-11", status=400)
        dials = self._dials
        dials.asked.append(question)
        dials.present[country] += 1
        dials.most_at_once[country] = max(dials.most_at_once[country], dials.present[country])
        crowded = dials.at_once is not None and dials.present[country] > dials.at_once
        try:
            await asyncio.sleep(dials.delays_s.get(country, dials.delays_s.get("*", 0.0)))
        finally:
            dials.present[country] -= 1
        outcome = "MS_MAX_CONCURRENT_REQ" if crowded else self._outcome(country, number, official=official)
        if outcome not in _VERDICTS:
            return _error(outcome)
        return web.json_response(self._verdict(question, valid=_VERDICTS[outcome]))

    def _outcome(self, country: str, number: str, *, official: bool) -> str:
        outage = self._dials.outages.get(country) or self._dials.outages.get("*")
        if outage is not None:
            return outage
        if number in TEST_NUMBERS:
            return TEST_NUMBERS[number]
        if official:
            return "SERVICE_UNAVAILABLE"
        return self._dials.numbers.get(country + number) or self._dials.numbers.get("*", "VALID")

    def _verdict(self, question: Mapping[str, Any], *, valid: bool) -> dict[str, Any]:
        country = question["countryCode"]
        told = valid and country not in _SECRETIVE
        requested = question.get("requesterMemberStateCode") and question.get("requesterNumber")
        matches = dict.fromkeys(("Name", "Street", "PostalCode", "City", "CompanyType"), "NOT_PROCESSED")
        return {
            "countryCode": country,
            "vatNumber": question["vatNumber"],
            "requestDate": f"{self._clock.iso()[:23]}Z",
            "valid": valid,
            "requestIdentifier": f"WAPISTANDIN{next(self._names):05}" if requested else "",
            "name": f"COMPANY {question['vatNumber']}" if told else "---",
            "address": "STREET 1\n10000 CITY" if told else "---",
            **{f"trader{name}Match": match for name, match in matches.items()},
        }

    def _status(self) -> dict[str, Any]:
        down = self._dials.outages
        countries = [
            {"countryCode": state, "availability": "Unavailable" if state in down or "*" in down else "Available"}
            for state in sorted(_STATES)
        ]
        return {"vow": {"available": "*" not in down}, "countries": countries}

    def _control(self, method: str, verb: str, said: Mapping[str, Any]) -> web.Response:
        try:
            told = self._obey(method, verb, said)
        except (KeyError, TypeError, ValueError) as error:
            return web.json_response({"error": f"{verb}: {error!r} in {dict(said)!r}"}, status=400)
        return web.json_response(told)

    def _obey(self, method: str, verb: str, said: Mapping[str, Any]) -> dict[str, Any]:
        dials = self._dials
        match method, verb:
            case "POST", "numbers":
                dials.numbers |= {number: _known(outcome) for number, outcome in said.items()}
            case "POST", "outages" if said["error"] is None:
                dials.outages.pop(said["country"], None)
            case "POST", "outages":
                dials.outages[said["country"]] = _known(said["error"])
            case "POST", "delays":
                dials.delays_s[said["country"]] = float(said["seconds"])
            case "POST", "limits":
                dials.at_once = None if said["at_once"] is None else int(said["at_once"])
            case "GET", "asked":
                return {"asked": dials.asked, "most_at_once": dict(dials.most_at_once)}
            case "DELETE", "all":
                self._dials = Dials()
            case _:
                raise ValueError(f"{method} {verb} is no word of the control plane")
        return {}


def _known(outcome: str) -> str:
    if outcome not in _ERRORS and outcome not in _VERDICTS:
        raise ValueError(f"{outcome} is no outcome")
    return outcome


def _error(code: str, *, status: int = 200) -> web.Response:
    """An error in the service's form, which it sends with HTTP 200 unless the question is malformed."""
    wrapped = {"actionSucceed": False, "errorWrappers": [{"error": code, "message": code.lower()}]}
    return web.json_response(wrapped, status=status)


async def _json(request: web.BaseRequest) -> dict[str, Any]:
    try:
        said = json.loads(await request.read() or b"{}")
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


async def serve(*, port: int, port_file: Path | None, parent: int | None) -> None:
    """Listen until told to stop, or until the parent process is gone.

    Args:
        port: 0 for any free one.
        port_file: where to write the port once questions can come.
        parent: process number to live as long as; None to live on.
    """
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    runner = web.ServerRunner(web.Server(StandIn().handle, access_log=None), shutdown_timeout=0.2)
    await runner.setup()
    await web.TCPSite(runner, _HOST, port).start()
    bound = runner.addresses[0][1]
    print(f"Stand-in for VIES on http://{_HOST}:{bound}: it knows no business and proves nothing.", flush=True)
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
    parser.add_argument("--die-with-parent", action="store_true", help="end when the starter ends")
    options = parser.parse_args()
    parent = os.getppid() if options.die_with_parent else None
    asyncio.run(serve(port=options.port, port_file=options.port_file, parent=parent))


if __name__ == "__main__":
    main()
