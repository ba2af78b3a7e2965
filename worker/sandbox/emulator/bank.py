"""The page that stands in for the checkout and for the customer's bank (or PayPal).

It knows the customer by the client secret alone, as Stripe.js does: it takes a test card for an open
PaymentIntent or SetupIntent, and a yes or a no for one that waits for it.
"""

from collections.abc import Callable
from functools import partial
from html import escape
from urllib.parse import parse_qs

from aiohttp import web

from worker.sandbox.emulator import confirming, intents, methods, setups
from worker.sandbox.emulator import intent as states
from worker.sandbox.emulator.confirming import Attempt
from worker.sandbox.emulator.errors import ApiError
from worker.sandbox.emulator.events import Cause
from worker.sandbox.emulator.intent import PaymentIntent
from worker.sandbox.emulator.objects import SetupIntent
from worker.sandbox.emulator.outcomes import TEST_METHODS
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
_CHOICE = """<form method="post" action="/bank/{name}">
<input type="hidden" name="client_secret" value="{secret}">
<label>{verb} <select name="payment_method">{options}</select></label>
<button name="decision" value="pay">Go on</button>
</form>"""
PAYPAL = "paypal"  # among the test ids of the page: a new PayPal account

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
        return _page(_question(intent), _forms(intent))
    decide = _decision(intent, given.get("decision", [""])[0], given.get("payment_method", [""])[0])
    if decide is None:
        return _page("Pay, approve or refuse?", "<p>The decision is missing, or not possible.</p>", status=_BAD)
    return _verdict(world, intent, decide)


def _open(intent: Intent) -> bool:
    if isinstance(intent, SetupIntent):
        return intent.status in setups.CONFIRMABLE
    return intent.status in states.CONFIRMABLE


def _to_approve(intent: Intent) -> bool:
    """Whether there is a method that waits for a yes, or was refused and may be tried again with one."""
    if isinstance(intent, SetupIntent):
        return intent.status == states.REQUIRES_ACTION
    return intent.last_payment_method is not None


def _choices(intent: Intent) -> list[str]:
    """The test ids that the page offers."""
    types = intent.payment_method_types if isinstance(intent, SetupIntent) else intent.types()
    return [*(TEST_METHODS if "card" in types else ()), *([PAYPAL] if PAYPAL in types else ())]


def _forms(intent: Intent) -> str:
    name, secret = escape(intent.id), escape(intent.client_secret)
    forms = _FORM.format(name=name, secret=secret) if _to_approve(intent) else ""
    if choices := _choices(intent):
        options = "".join(f"<option>{escape(choice)}</option>" for choice in choices)
        verb = "Save" if isinstance(intent, SetupIntent) else "Pay with"
        forms += _CHOICE.format(name=name, secret=secret, options=options, verb=verb)
    return forms


def _decision(intent: Intent, decision: str, method: str) -> Callable[[World, Intent], Intent] | None:
    if decision == "pay":
        return partial(_pay, choice=method) if method in _choices(intent) else None
    if not _to_approve(intent):
        return None
    return {"approve": _approve, "refuse": _refuse}.get(decision)


def _question(intent: Intent) -> str:
    if isinstance(intent, SetupIntent):
        return "Allow later payments with this method?"
    return f"Pay {intent.amount / _MINOR:.2f} {intent.currency.upper()}?"


def _verdict(world: World, intent: Intent, decide: Callable[[World, Intent], Intent]) -> web.Response:
    try:
        intent = decide(world, intent)
    except ApiError as error:
        now: Intent = world.intents.get(intent.id) or world.setups[intent.id]
        return _page("Refused", f"<p>{escape(str(error))}</p>{_forms(now)}")
    if intent.status == states.REQUIRES_ACTION:
        return _page(_question(intent), _forms(intent))
    inside = f"<p>It is now {escape(intent.status)}.</p>"
    if intent.return_url is not None and intent.return_url.startswith(("http://", "https://")):
        inside += f'<p><a href="{escape(intent.return_url)}">Back to the shop</a></p>'
    return _page("Thank you", inside)


def _pay(world: World, intent: Intent, *, choice: str) -> Intent:
    """A new test card, or a new PayPal account, pays with the customer there, or is saved."""
    method = methods.new_paypal(world) if choice == PAYPAL else methods.resolve(world, choice)
    if isinstance(intent, SetupIntent):
        return setups.save(world, intent, method)
    intents.check_method(intent, method)
    return confirming.execute(world, intent, Attempt(method, off_session=False, cause=Cause(None, intent.key)))


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
