"""`expand`: references in an answer replaced by the objects they name."""

from typing import Any

from worker.sandbox.emulator.errors import invalid
from worker.sandbox.emulator.world import World

# resource: what of it can be expanded, and to which resource
_REFERENCES = {
    "charges": {
        "customer": "customers",
        "payment_intent": "payment_intents",
    },
    "disputes": {"charge": "charges", "payment_intent": "payment_intents"},
    "mandates": {"payment_method": "payment_methods"},
    "payment_intents": {
        "customer": "customers",
        "latest_charge": "charges",
        "payment_method": "payment_methods",
    },
    "payment_methods": {"customer": "customers"},
    "refunds": {
        "charge": "charges",
        "customer": "customers",
        "payment_intent": "payment_intents",
        "payment_method": "payment_methods",
    },
    "setup_intents": {
        "customer": "customers",
        "mandate": "mandates",
        "payment_method": "payment_methods",
    },
}


def check_expand(endpoint: str, paths: list[str]) -> None:
    """Raise ApiError (validation) for a path that names no reference, before anything is executed."""
    for path in paths:
        resource, _, verb = endpoint.partition(".")
        steps = path.split(".")
        if verb == "list":
            steps = steps[1:] if steps[0] == "data" else ["?"]
        for step in steps:
            found = _REFERENCES.get(resource, {}).get(step)
            if found is None:
                raise invalid(f"This property cannot be expanded ({path}).", param="expand")
            resource = found


def expand(world: World, shown: dict[str, Any], paths: list[str]) -> None:
    """Replace in place what the checked paths name; in a list, in each of its members."""
    for path in paths:
        steps = path.split(".")
        if shown["object"] == "list":
            for member in shown["data"]:
                _walk(world, member, steps[1:])
        else:
            _walk(world, shown, steps)


def _walk(world: World, shown: dict[str, Any], steps: list[str]) -> None:
    for step in steps:
        if shown[step] is None:
            return
        if isinstance(shown[step], str):
            found = world.find(shown[step])
            if found is None:
                raise AssertionError(f"{shown['id']} refers to {shown[step]}, which is not there")
            shown[step] = found.shown()
        shown = shown[step]
