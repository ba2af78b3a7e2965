"""The HTTP server: one dispatcher for the API, in Stripe's own order of checks."""

import asyncio
import base64
import binascii
import json
import logging
from dataclasses import dataclass
from functools import lru_cache

from aiohttp import web

from worker.sandbox.emulator import bank, endpoints, form
from worker.sandbox.emulator.call import Call
from worker.sandbox.emulator.control import Control
from worker.sandbox.emulator.dials import Dials
from worker.sandbox.emulator.endpoints import Endpoint
from worker.sandbox.emulator.errors import UNAUTHORISED, ApiError, invalid
from worker.sandbox.emulator.events import Cause
from worker.sandbox.emulator.expanding import check_expand, expand
from worker.sandbox.emulator.faults import BEFORE, BROKEN_BEFORE, INSTEAD, ON_WIRE, Fault, Where
from worker.sandbox.emulator.idempotency import Answer, Keys
from worker.sandbox.emulator.world import API_VERSION, World

encode = json.JSONEncoder(separators=(",", ":")).encode

_OK, _ERROR = 200, 500
_log = logging.getLogger("emulator")
LATE = "late_execution"
"""The one fault of a request that is executed all the same, when its sender has long given up."""


@dataclass(frozen=True, slots=True)
class Task:
    """A request to the API that was routed and authorised, and the fault that strikes it."""

    endpoint: Endpoint
    target: str
    path: str
    pairs: form.Pairs
    cause: Cause
    fault: Fault | None = None


class Server:
    """Answers one request at a time; only waiting (latency, stalls) happens side by side."""

    def __init__(self, world: World, dials: Dials, keys: Keys | None = None) -> None:
        self.world = world
        self.dials = dials
        self.keys = keys or Keys(world.clock)
        self._control = Control(world, dials)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Any request: the API, the control plane or the bank's page."""
        path, _, query = request.raw_path.partition("?")
        self.world.settle()
        if path.startswith("/v1/"):
            return await self._api(request, path, query)
        if path.startswith("/_emulator/"):
            return await self._control.handle(request, path, query)
        if path.startswith("/bank/"):
            return await bank.handle(self.world, request, path, query)
        return web.Response(status=404, text="This is a Stripe emulator; there is nothing here.\n")

    async def _api(self, request: web.BaseRequest, path: str, query: str) -> web.StreamResponse:
        body = (await request.content.read()).decode("utf-8", "replace") if request.can_read_body else ""
        request_id = self.world.name("req")
        try:
            endpoint, target = endpoints.find(request.method, path)
            _authorise(request.headers.get("Authorization"), request.headers.get("Stripe-Version"))
            self.dials.limits.admit(endpoint.name)
            pairs = form.decode(body or query)
        except ApiError as error:
            return _respond(_tell(error), request_id)
        key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
        fault = None if self.dials.faults.quiet else self.dials.faults.strike(self._where(endpoint, target, pairs))
        task = Task(endpoint, target, path, pairs, Cause(request_id, key), fault)
        if fault is None:
            return _respond(await self._keyed(task), request_id)
        request["fault"] = fault.kind
        return await self._under(fault, task, request, request_id)

    async def _under(self, fault: Fault, task: Task, request: web.BaseRequest, request_id: str) -> web.StreamResponse:
        """Answer a request that a fault strikes."""
        if fault.kind in BEFORE and fault.kind != LATE:
            instead = await BEFORE[fault.kind](fault, request)
            if isinstance(instead, ApiError):
                return _respond(_tell(instead), request_id)
            assert instead is not None, "only a late execution is one after all"
            return instead
        response = _respond(await self._keyed(task, request), request_id)
        return await ON_WIRE[fault.kind](fault, request, response) if fault.kind in ON_WIRE else response

    async def _keyed(self, task: Task, request: web.BaseRequest | None = None) -> Answer:
        key = task.cause.key
        if not key:
            await self._let_it_wait(task, request)
            answer = self._execute(task)
            await self._wait()
            return answer
        try:
            held = self.keys.begin(key, form.fingerprint(task.path, task.pairs), task.cause.request_id or "")
        except ApiError as error:
            return _tell(error)
        if held.answer is not None:
            await self._wait()
            headers = {**held.answer.headers, "Idempotent-Replayed": "true"}
            return Answer(held.answer.status, held.answer.body, kept=True, headers=headers)
        await self._let_it_wait(task, request)
        answer = self._execute(task)
        answer.headers |= {"Idempotency-Key": key, "Original-Request": held.request_id}
        try:
            await self._wait()
        finally:
            self.keys.finish(held, answer)
        return answer

    async def _let_it_wait(self, task: Task, request: web.BaseRequest | None) -> None:
        """Hold a request back before its execution, its key in flight, if that is its fault."""
        if task.fault is not None and task.fault.kind == LATE and request is not None:
            await BEFORE[LATE](task.fault, request)

    def _execute(self, task: Task) -> Answer:
        """The answer that the key will remember: the true one, or what a fault puts in its place."""
        fault = task.fault
        if fault is None:
            return self._run(task)
        if fault.kind in BROKEN_BEFORE:
            return _tell(BROKEN_BEFORE[fault.kind](fault))
        answer = self._run(task)
        return _tell(INSTEAD[fault.kind](fault)) if fault.kind in INSTEAD else answer

    def _run(self, task: Task) -> Answer:
        endpoint = task.endpoint
        try:
            params = endpoint.spec.read(form.nest(task.pairs))
            check_expand(endpoint.name, params.get("expand", []))
            shown = endpoint.run(self.world, Call(endpoint.name, task.target, params, task.cause))
            expand(self.world, shown, params.get("expand", []))
        except ApiError as error:
            return _tell(error)
        except Exception:  # noqa: BLE001 - a fault of the emulator must look like one of Stripe's, and be logged
            _log.exception("the emulator itself failed")
            broken = ApiError(_ERROR, "The emulator itself failed; its log tells more.", kind="api_error")
            return _tell(broken)
        return Answer(_OK, encode(shown).encode(), kept=True)

    async def _wait(self) -> None:
        if self.dials.latency_s > 0:
            await asyncio.sleep(self.dials.latency_s)

    def _where(self, endpoint: Endpoint, target: str, pairs: form.Pairs) -> Where:
        intent = self.world.intents.get(target)
        if intent is not None:
            return Where(endpoint.name, intent.customer, intent.metadata)
        given = dict(pairs)
        metadata = {name[len("metadata[") : -1]: value for name, value in pairs if name.startswith("metadata[")}
        if endpoint.name.startswith("refunds."):
            return self._where_refund(endpoint, target, given, metadata)
        return Where(endpoint.name, given.get("customer"), metadata)

    def _where_refund(self, endpoint: Endpoint, target: str, given: dict[str, str], metadata: dict[str, str]) -> Where:
        """A request about a refund is also one about the PaymentIntent that it gives back."""
        refund = self.world.refunds.get(target)
        charge = self.world.charges.get(given.get("charge", "") if refund is None else refund.charge)
        paid = given.get("payment_intent", "") if charge is None else charge.payment_intent
        intent = self.world.intents.get(paid)
        own = metadata if refund is None else refund.metadata
        if intent is None:
            return Where(endpoint.name, None, own)
        return Where(endpoint.name, intent.customer, {**intent.metadata, **own})


def _respond(answer: Answer, request_id: str) -> web.Response:
    headers = {
        "Content-Type": "application/json",
        "Request-Id": request_id,
        "Stripe-Version": API_VERSION,
        **answer.headers,
    }
    return web.Response(body=answer.body, status=answer.status, headers=headers)


def _tell(error: ApiError) -> Answer:
    return Answer(error.status, encode(error.body()).encode(), kept=error.started, headers=dict(error.headers))


def _authorise(credentials: str | None, version: str | None) -> None:
    if credentials is None:
        raise ApiError(
            UNAUTHORISED,
            "You did not provide an API key. Provide it in the Authorization header, using Bearer auth.",
            started=False,
        )
    if not _is_secret_key(credentials):
        raise ApiError(UNAUTHORISED, "Invalid API Key provided.", started=False)
    if version is not None and version != API_VERSION:
        raise invalid(f"Invalid Stripe API version: {version}. This emulator speaks {API_VERSION} only.")


@lru_cache(maxsize=64)
def _is_secret_key(credentials: str) -> bool:
    scheme, _, key = credentials.partition(" ")
    if scheme.lower() == "basic":
        try:
            key = base64.b64decode(key).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return False
    return scheme.lower() in {"basic", "bearer"} and key.startswith(("sk_", "rk_"))
