"""A line for each request to the API, as it was answered: for whoever must explain afterwards what came of it."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiohttp import web

from worker.sandbox.emulator.clock import machine_s

Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
_SHOWN = ("id", "status", "customer", "metadata")
"""What a line tells of the object that was answered."""


class RequestLog:
    """Passes requests on, and writes a line for each of the API's to a JSONL file, flushed.

    A line has the machine's time of arrival and answer, the emulator's time, the path with its query, the idempotency
    key, the fault that struck, the status, whether the answer was a kept one, and some of the object or the error. An
    answer that the wire lost is told as it was before.
    """

    def __init__(self, path: Path, handle: Handle, now: Callable[[], str]) -> None:
        """Append to a file; `now` tells the emulator's time."""
        self._file = path.open("a", encoding="utf-8")
        self._handle = handle
        self._now = now

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Any request."""
        arrived = machine_s()
        response = await self._handle(request)
        if request.raw_path.startswith("/v1/"):
            line = {
                "arrived": _iso(arrived),
                "answered": _iso(machine_s()),
                "emulator": self._now(),
                "request": response.headers.get("Request-Id"),
                "method": request.method,
                "path": request.raw_path,
                "key": request.headers.get("Idempotency-Key"),
                "fault": request.get("fault"),
                "code": response.status,
                "kept": "Idempotent-Replayed" in response.headers,
                **_told(response),
            }
            self._file.write(f"{json.dumps(line)}\n")
            self._file.flush()
        return response

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _told(response: web.StreamResponse) -> dict[str, Any]:
    body = response.body if isinstance(response, web.Response) else None
    try:
        shown = json.loads(body) if isinstance(body, bytes) else {}
    except ValueError:
        return {}
    if "error" in shown:
        intent = shown["error"].get("payment_intent", {})
        return {"error": shown["error"].get("code") or shown["error"].get("type"), "id": intent.get("id")}
    return {name: shown[name] for name in _SHOWN if name in shown}


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
