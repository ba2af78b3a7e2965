"""Failpoints that no scene reaches, each with its reason. A reason is no excuse for what could be reached."""

from collections.abc import Mapping

_NO_JOB_YET = "no job asks VIES yet: the client waits for `check_vat_numbers`; its own tests are in tests/gateways"

UNREACHED: Mapping[str, str] = {"call:vies.check": _NO_JOB_YET, "call:vies.close": _NO_JOB_YET}
"""Names of doors, `kind:name`, both sides of which are left out; the matrix fails for one that is reached after all."""
