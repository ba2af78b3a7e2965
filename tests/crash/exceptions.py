"""Failpoints that no scene reaches, each with its reason. A reason is no excuse for what could be reached."""

from collections.abc import Mapping

UNREACHED: Mapping[str, str] = {}
"""Names of doors, `kind:name`, both sides of which are left out; the matrix fails for one that is reached after all."""
