"""Forgetting everything, and going back: another account takes the place of the one that is served."""

from collections.abc import Callable
from copy import deepcopy

from aiohttp import web

from worker.sandbox.emulator.server import Server

_RESET = ("POST", "/_emulator/reset")
_KEPT = "/_emulator/kept/"
_BAD, _NOT_FOUND = 400, 404


class Resettable:
    """Serves one account after another.

    Nothing is cleared: a reset puts a new server with a new world in the old one's place, and going back puts a copy
    of a kept one there. Whatever still runs in the old one (a stalled answer, a request whose body is on its way)
    keeps the old world, and cannot write into the new.
    """

    def __init__(self, make: Callable[[], Server]) -> None:
        """Serve what `make` gives; a reset asks it again, so that the flags of the start hold again."""
        self._make = make
        self._kept: dict[str, Server] = {}
        self.now = make()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Any request: the reset itself, keeping or going back, or one for the account that is served now."""
        if request.raw_path.startswith(_KEPT):
            return self._keep_or_go_back(request.method, request.raw_path.removeprefix(_KEPT))
        if (request.method, request.raw_path) != _RESET:
            return await self.now.handle(request)
        self.now.world.journal.empty()
        self.now = self._make()
        return web.json_response({"reset": True})

    def time(self) -> str:
        """The time of the account that is served now, in ISO 8601."""
        return self.now.world.clock.iso()

    def _keep_or_go_back(self, method: str, name: str) -> web.Response:
        if method == "PUT":
            if self.now.world.journal.on_file:
                return web.json_response({"error": "a journal's file cannot be taken back"}, status=_BAD)
            self._kept[name] = _copy(self.now)
            return web.json_response({"kept": name})
        if method == "POST" and name in self._kept:
            self.now = _copy(self._kept[name])
            return web.json_response({"served": name})
        return web.json_response({"error": f"nothing is kept as {name!r}"}, status=_NOT_FOUND)


def _copy(server: Server) -> Server:
    """A server of its own over a copy of everything: objects, keys, what is to come, faults, limits."""
    world, dials, keys = deepcopy((server.world, server.dials, server.keys))
    return Server(world, dials, keys)
