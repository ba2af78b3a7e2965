"""Forgetting everything: an untouched account takes the place of the one that is served."""

from collections.abc import Callable

from aiohttp import web

from worker.sandbox.emulator.server import Server

_RESET = ("POST", "/_emulator/reset")


class Resettable:
    """Serves one account after another.

    Nothing is cleared: a reset puts a new server with a new world in the old one's place. Whatever still runs in the
    old one (a stalled answer, a request whose body is on its way) keeps the old world, and cannot write into the new.
    """

    def __init__(self, make: Callable[[], Server]) -> None:
        """Serve what `make` gives; a reset asks it again, so that the flags of the start hold again."""
        self._make = make
        self.now = make()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Any request: the reset itself, or one for the account that is served now."""
        if (request.method, request.raw_path) != _RESET:
            return await self.now.handle(request)
        self.now.world.journal.empty()
        self.now = self._make()
        return web.json_response({"reset": True})
