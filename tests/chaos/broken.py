"""A broken build for the dramatiq command: whatever is neither a yes nor a no is taken for a no."""

from tests.crash.mutants import unknown_is_declined

unknown_is_declined()

from worker.main import broker  # noqa: E402 - what is broken is broken before anything is composed

__all__ = ["broker"]
