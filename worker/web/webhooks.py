"""The provider's webhooks: signed, kept once, answered fast. A webhook merely says "look at this now".

What it says happened is not believed: a work item of `follow_payments` reads the object back, as it does for the
events that it reads each minute anyway. So webhooks that are lost, doubled, late or out of order change nothing but
the time, and without any the minute is soon enough (R6).
"""

import asyncio

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from worker import boundary, meters
from worker.charging.follow import INBOX
from worker.errors import SignatureError, UnreachableError
from worker.gateways.stripe_webhooks import Notice, check_signature, read_notice
from worker.queue import dispatch, runs
from worker.queue.plans import PlannedItem
from worker.runtime import Runtime
from worker.store import inbox

log = structlog.get_logger("web")

BODY_MAX = 256 * 1024
"""Bytes; the provider's largest events have some tens of thousands."""
BODY_WITHIN_S = 10.0
JOB = "follow_payments"


def routes(runtime: Runtime) -> list[BaseRoute]:
    """POST /webhooks/stripe: 200 for kept or known, 400 for one that is not the provider's, 404 without a secret."""

    async def stripe(request: Request) -> Response:
        if not runtime.door_keys.webhook_secrets:
            return PlainTextResponse("no webhooks are taken here\n", 404)
        body = await _body(request)
        if body is None:
            meters.count(meters.WEBHOOKS, "too_large")
            return PlainTextResponse("too large, or too slow\n", 413)
        header = request.headers.get("stripe-signature", "")
        try:
            check_signature(body, header, runtime.door_keys.webhook_secrets, now=runtime.clock.now())
            notice = read_notice(body)
        except SignatureError as error:
            meters.count(meters.WEBHOOKS, "refused")
            log.warning("webhook_refused", why=str(error))
            return PlainTextResponse("not signed as it should be\n", 400)
        try:
            await run_in_threadpool(keep, runtime, notice)
        except SQLAlchemyError as error:
            meters.count(meters.WEBHOOKS, "not_kept")
            log.warning("webhook_not_kept", error=type(error).__name__)
            return PlainTextResponse("come again\n", 503)
        return PlainTextResponse("kept\n")

    return [Route("/webhooks/stripe", stripe, methods=["POST"])]


async def _body(request: Request) -> bytes | None:
    """The bytes as they came, None for too many or too slow ones; they are not read to their end."""
    said = request.headers.get("content-length", "0")
    if not said.isdecimal() or int(said) > BODY_MAX:
        return None
    read = bytearray()
    try:
        async with asyncio.timeout(BODY_WITHIN_S):
            async for piece in request.stream():
                read += piece
                if len(read) > BODY_MAX:
                    return None
    except (TimeoutError, ClientDisconnect):
        return None
    return bytes(read)


def keep(runtime: Runtime, notice: Notice) -> None:
    """Keep it and ring for a look into the inbox, in one transaction; both happen once, however often it comes.

    Many that come together ring once: the item takes all that wait. One that is kept at the very moment when an item
    ends its look waits for the next webhook or the next minute.
    """
    rung: list[int] = []
    with boundary.transaction(runtime.engine, "web.webhook") as connection:
        kept = inbox.store(
            connection,
            event_id=notice.event_id,
            type=notice.type,
            object_id=notice.object_id,
            intent_id=notice.intent_id,
            api_version=notice.api_version,
            created_at=notice.created_at,
            wanted=notice.wanted,
        )
        if kept is not None and notice.wanted and not inbox.is_rung_for(connection, job=JOB, key=INBOX):
            item = PlannedItem(key=INBOX, ids=())
            rung = runs.ring(
                connection,
                job=JOB,
                items=[item],
                business_date=runtime.clock.today(),
                root_run_id=None,
                by="webhook",
            )
    meters.count(meters.WEBHOOKS, "doubled" if kept is None else "kept" if notice.wanted else "ignored")
    if rung:
        try:
            dispatch.sweep(runtime.engine, runtime.bell, threads=runtime.limits.worker_threads, items=rung)
        except UnreachableError as error:
            log.warning("webhook_not_rung_for", error=str(error))  # the scheduler rings for it again
