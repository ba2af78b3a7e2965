"""The API's endpoints: which method and path runs what, and which parameters each takes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from worker.sandbox.emulator import charges, customers, disputes, intents, methods, refunds, setups
from worker.sandbox.emulator.call import Call
from worker.sandbox.emulator.errors import MISSING, ApiError
from worker.sandbox.emulator.params import (
    PAGING,
    Kind,
    Spec,
    flag,
    mapping,
    metadata,
    names,
    off_session,
    one_of,
    span,
    text,
    whole,
)
from worker.sandbox.emulator.shelf import listing
from worker.sandbox.emulator.world import World

Action = Callable[[World, Call], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One endpoint; its name is also its class for rate limits, statistics and faults."""

    name: str
    run: Action
    spec: Spec


def _list_events(world: World, call: Call) -> dict[str, Any]:
    events, more = world.events.page(call.params, now=world.now())
    return listing("/v1/events", [event.shown() for event in events], more=more)


def _retrieve_event(world: World, call: Call) -> dict[str, Any]:
    return world.events.get(call.target, now=world.now()).shown()


_PLAIN = Spec({"expand": names})
_NOT_ON_INTENTS = frozenset(
    [
        "amount_details",
        "application_fee_amount",
        "amount_to_confirm",
        "confirmation_token",
        "customer_account",
        "excluded_payment_method_types",
        "hooks",
        "mandate",
        "mandate_data",
        "on_behalf_of",
        "payment_details",
        "payment_method_configuration",
        "payment_method_data",
        "payment_method_options",
        "radar_options",
        "shipping",
        "transfer_data",
        "transfer_group",
        "use_stripe_sdk",
    ]
)
_FUTURE: Kind = one_of("off_session", "on_session")

_CREATE_INTENT = Spec(
    {
        "amount": whole,
        "currency": text,
        "customer": text,
        "payment_method": text,
        "allowed_payment_method_types": names,
        "automatic_payment_methods": mapping,
        "capture_method": one_of("automatic", "automatic_async"),
        "confirmation_method": one_of("automatic"),
        "confirm": flag,
        "off_session": off_session,
        "error_on_requires_action": flag,
        "return_url": text,
        "setup_future_usage": _FUTURE,
        "description": text,
        "receipt_email": text,
        "statement_descriptor": text,
        "statement_descriptor_suffix": text,
        "metadata": metadata,
        "expand": names,
    },
    _NOT_ON_INTENTS - {"amount_to_confirm"},
    ("amount", "currency"),
)
_CONFIRM_INTENT = Spec(
    {
        "payment_method": text,
        "allowed_payment_method_types": names,
        "off_session": off_session,
        "error_on_requires_action": flag,
        "return_url": text,
        "receipt_email": text,
        "setup_future_usage": _FUTURE,
        "expand": names,
    },
    (_NOT_ON_INTENTS - {"application_fee_amount", "customer_account", "on_behalf_of", "transfer_data"})
    | {"capture_method"},
)
_CANCEL_INTENT = Spec(
    {
        "cancellation_reason": one_of("duplicate", "fraudulent", "requested_by_customer", "abandoned"),
        "expand": names,
    }
)
_NOT_ON_SETUPS = frozenset(
    [
        "attach_to_self",
        "confirmation_token",
        "customer_account",
        "excluded_payment_method_types",
        "flow_directions",
        "on_behalf_of",
        "payment_method_configuration",
        "payment_method_data",
        "payment_method_options",
        "single_use",
        "use_stripe_sdk",
    ]
)
_CONFIRM_SETUP: dict[str, Kind] = {
    "allowed_payment_method_types": names,
    "mandate_data": mapping,
    "payment_method": text,
    "return_url": text,
    "expand": names,
}
_CREATE_SETUP = Spec(
    {
        **_CONFIRM_SETUP,
        "automatic_payment_methods": mapping,
        "confirm": flag,
        "customer": text,
        "description": text,
        "metadata": metadata,
        "usage": _FUTURE,
    },
    _NOT_ON_SETUPS,
)
_CREATE_CUSTOMER = Spec(
    {"email": text, "name": text, "description": text, "metadata": metadata, "expand": names},
    frozenset(
        [
            "address",
            "balance",
            "business_name",
            "cash_balance",
            "individual_name",
            "invoice_prefix",
            "invoice_settings",
            "next_invoice_sequence",
            "payment_method",
            "phone",
            "preferred_locales",
            "shipping",
            "source",
            "tax",
            "tax_exempt",
            "tax_id_data",
            "test_clock",
            "validate",
        ]
    ),
)
_CREATE_METHOD = Spec(
    {
        "type": one_of("card", "paypal"),
        "card": mapping,
        "paypal": mapping,
        "payment_method": text,
        "expand": names,
    },
    frozenset({"allow_redisplay", "billing_details", "customer", "metadata", "radar_options"}),
)
_CREATE_REFUND = Spec(
    {
        "charge": text,
        "payment_intent": text,
        "amount": whole,
        "reason": one_of("duplicate", "fraudulent", "requested_by_customer"),
        "metadata": metadata,
        "expand": names,
    },
    frozenset({"currency", "customer", "instructions_email", "origin", "refund_application_fee", "reverse_transfer"}),
)
_OF_CHARGES = Spec({**PAGING, "charge": text, "payment_intent": text, "created": span})
_CHARGES = Spec({**PAGING, "payment_intent": text, "created": span}, frozenset({"customer", "transfer_group"}))
_EVENTS = Spec({**PAGING, "created": span, "type": text, "types": names}, frozenset({"delivery_success"}))

# (method, resource, "" for the collection, "id" for a member, or the verb after the member's id)
_ROUTES: dict[tuple[str, str, str], Endpoint] = {}


def _route(method: str, resource: str, place: str, endpoint: Endpoint) -> None:
    _ROUTES[method, resource, place] = endpoint


_route("GET", "balance", "", Endpoint("balance.retrieve", customers.balance, _PLAIN))
_route("GET", "events", "", Endpoint("events.list", _list_events, _EVENTS))
_route("GET", "events", "id", Endpoint("events.retrieve", _retrieve_event, _PLAIN))
_route("GET", "mandates", "id", Endpoint("mandates.retrieve", methods.retrieve_mandate, _PLAIN))
_route("POST", "customers", "", Endpoint("customers.create", customers.create, _CREATE_CUSTOMER))
_route("GET", "customers", "id", Endpoint("customers.retrieve", customers.retrieve, _PLAIN))
_route("DELETE", "customers", "id", Endpoint("customers.delete", customers.delete, Spec({})))
_route("GET", "charges", "id", Endpoint("charges.retrieve", charges.retrieve, _PLAIN))
_route("GET", "charges", "", Endpoint("charges.list", charges.list_charges, _CHARGES))
_route("POST", "payment_methods", "", Endpoint("payment_methods.create", methods.create, _CREATE_METHOD))
_route("GET", "payment_methods", "id", Endpoint("payment_methods.retrieve", methods.retrieve, _PLAIN))
_route(
    "GET",
    "payment_methods",
    "",
    Endpoint(
        "payment_methods.list",
        methods.list_methods,
        Spec({**PAGING, "customer": text, "type": text}, frozenset({"allow_redisplay"}), ("customer",)),
    ),
)
_route(
    "POST",
    "payment_methods",
    "attach",
    Endpoint(
        "payment_methods.attach",
        methods.attach,
        Spec({"customer": text, "expand": names}, required=("customer",)),
    ),
)
_route("POST", "payment_methods", "detach", Endpoint("payment_methods.detach", methods.detach, _PLAIN))
_route("POST", "setup_intents", "", Endpoint("setup_intents.create", setups.create, _CREATE_SETUP))
_route("GET", "setup_intents", "id", Endpoint("setup_intents.retrieve", setups.retrieve, _PLAIN))
_route(
    "POST",
    "setup_intents",
    "confirm",
    Endpoint("setup_intents.confirm", setups.confirm, Spec(_CONFIRM_SETUP, _NOT_ON_SETUPS - {"attach_to_self"})),
)
_route("POST", "payment_intents", "", Endpoint("payment_intents.create", intents.create, _CREATE_INTENT))
_route("GET", "payment_intents", "id", Endpoint("payment_intents.retrieve", intents.retrieve, _PLAIN))
_route(
    "GET",
    "payment_intents",
    "",
    Endpoint(
        "payment_intents.list",
        intents.list_intents,
        Spec({**PAGING, "customer": text, "created": span}, frozenset({"customer_account"})),
    ),
)
_route(
    "POST",
    "payment_intents",
    "confirm",
    Endpoint("payment_intents.confirm", intents.confirm, _CONFIRM_INTENT),
)
_route("POST", "payment_intents", "cancel", Endpoint("payment_intents.cancel", intents.cancel, _CANCEL_INTENT))

_route("POST", "refunds", "", Endpoint("refunds.create", refunds.create, _CREATE_REFUND))
_route("GET", "refunds", "id", Endpoint("refunds.retrieve", refunds.retrieve, _PLAIN))
_route("GET", "refunds", "", Endpoint("refunds.list", refunds.list_refunds, _OF_CHARGES))
_route("GET", "disputes", "id", Endpoint("disputes.retrieve", disputes.retrieve, _PLAIN))
_route("GET", "disputes", "", Endpoint("disputes.list", disputes.list_disputes, _OF_CHARGES))

_COLLECTION, _MEMBER, _VERB = 3, 4, 5  # pieces of /v1/resource, /v1/resource/id, /v1/resource/id/verb

NAMES = frozenset(endpoint.name for endpoint in _ROUTES.values())


def find(method: str, path: str) -> tuple[Endpoint, str]:
    """The endpoint of a request and the id in its path. Raises ApiError 404 when there is none."""
    pieces = path.split("/")
    target = pieces[3] if len(pieces) > _COLLECTION else ""
    place = {_COLLECTION: "", _MEMBER: "id", _VERB: pieces[-1]}.get(len(pieces))
    endpoint = None
    if place is not None and pieces[1] == "v1":
        endpoint = _ROUTES.get((method, pieces[2], place))
    if endpoint is None:
        raise ApiError(MISSING, f"Unrecognized request URL ({method}: {path}).", code="url_invalid", started=False)
    return endpoint, target
