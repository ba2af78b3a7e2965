"""The page that stands in for the customer's bank (or PayPal): it shows a sum and takes a yes or a no."""

from collections.abc import Callable
from html import escape
from urllib.parse import parse_qs

from aiohttp import web

from worker.sandbox.emulator import confirming, setups
from worker.sandbox.emulator import intent as states
from worker.sandbox.emulator.confirming import Attempt
from worker.sandbox.emulator.errors import ApiError
from worker.sandbox.emulator.events import Cause
from worker.sandbox.emulator.intent import PaymentIntent
from worker.sandbox.emulator.objects import SetupIntent
from worker.sandbox.emulator.world import World

_PAGE = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Emulated bank</title>
<body style="font-family: sans-serif; max-width: 30em; margin: 3em auto">
<p><strong>This is an emulator. No real money moves here.</strong></p>
<h1>{title}</h1>
{inside}
</body></html>
"""
_FORM = """<form method="post" action="/bank/{name}">
<input type="hidden" name="client_secret" value="{secret}">
<button name="decision" value="approve">Approve</button>
<button name="decision" value="refuse">Refuse</button>
</form>"""

_NOT_FOUND, _GONE, _BAD = 404, 409, 400
_MINOR = 100

Intent = PaymentIntent | SetupIntent


async def handle(world: World, request: web.BaseRequest, path: str, query: str) -> web.Response:
    """GET shows the question, POST decides. Needs the intent's id and its client secret."""
    name = path.removeprefix("/bank/")
    posted = request.method == "POST"
    given = parse_qs((await request.content.read()).decode() if posted else query)
    secret = given.get("client_secret", [""])[0]
    intent: Intent | None = world.intents.get(name) or world.setups.get(name)
    if intent is None or intent.client_secret != secret:
        return _page("No such payment", "<p>The link is wrong or incomplete.</p>", status=_NOT_FOUND)
    if not _open(intent):
        return _page("Nothing to decide", f"<p>It is {escape(intent.status)}.</p>", status=_GONE)
    if not posted:
        return _page(_question(intent), _FORM.format(name=escape(name), secret=escape(secret)))
    decide = {"approve": _approve, "refuse": _refuse}.get(given.get("decision", [""])[0])
    if decide is None:
        return _page("Approve or refuse?", "<p>The decision is missing.</p>", status=_BAD)
    return _verdict(world, intent, decide)


def _open(intent: Intent) -> bool:
    if isinstance(intent, SetupIntent):
        return intent.status == "requires_action"
    return intent.status in states.CONFIRMABLE and intent.last_payment_method is not None


def _question(intent: Intent) -> str:
    if isinstance(intent, SetupIntent):
        return "Allow later payments with this method?"
    return f"Pay {intent.amount / _MINOR:.2f} {intent.currency.upper()}?"


def _verdict(world: World, intent: Intent, decide: Callable[[World, Intent], Intent]) -> web.Response:
    try:
        intent = decide(world, intent)
    except ApiError as error:
        return _page("Not paid", f"<p>{escape(str(error))}</p>")
    inside = f"<p>It is now {escape(intent.status)}.</p>"
    if intent.return_url is not None and intent.return_url.startswith(("http://", "https://")):
        inside += f'<p><a href="{escape(intent.return_url)}">Back to the shop</a></p>'
    return _page("Thank you", inside)


def _approve(world: World, intent: Intent) -> Intent:
    if isinstance(intent, SetupIntent):
        return setups.approve(world, intent)
    if intent.status == states.REQUIRES_ACTION:
        return confirming.finish_action(world, intent)
    method = world.method(intent.last_payment_method or "")
    attempt = Attempt(method, off_session=False, cause=Cause(None, intent.key), authenticated=True)
    return confirming.execute(world, intent, attempt)


def _refuse(world: World, intent: Intent) -> Intent:
    if isinstance(intent, SetupIntent):
        return setups.give_up(world, intent)
    return confirming.give_up(world, intent)


def _page(title: str, inside: str, *, status: int = 200) -> web.Response:
    page = _PAGE.format(title=escape(title), inside=inside)
    return web.Response(text=page, status=status, content_type="text/html")
