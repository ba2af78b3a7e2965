"""Stripe's error answers, raised as exceptions and sent as JSON."""

from typing import Any

VALIDATION = 400
UNAUTHORISED = 401
DECLINED = 402
MISSING = 404
CONFLICT = 409
LIMITED = 429


class ApiError(Exception):
    """An error answer.

    Args:
        status: the HTTP status.
        message: what Stripe would tell the developer.
        kind: Stripe's `type`.
        code: Stripe's `code`, if it has one.
        param: the parameter at fault, if one is.
        started: whether execution had begun; only then does an idempotency key remember the answer.
        headers: extra headers of the answer.
        more: further members of the error object.
    """

    def __init__(  # noqa: PLR0913 - an error answer has that many independent members
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        started: bool = True,
        headers: dict[str, str] | None = None,
        more: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.started = started
        self.headers = headers or {}
        self.members: dict[str, Any] = {"message": message, "type": kind}
        if code is not None:
            self.members["code"] = code
            self.members["doc_url"] = f"https://docs.stripe.com/error-codes#{code.replace('_', '-')}"
        if param is not None:
            self.members["param"] = param
        self.members.update(more or {})

    def body(self) -> dict[str, Any]:
        """The JSON object of the answer."""
        return {"error": self.members}


def invalid(message: str, *, code: str | None = None, param: str | None = None) -> ApiError:
    """A request that fails validation: execution never began, so no key remembers it."""
    return ApiError(VALIDATION, message, code=code, param=param, started=False)


def refused(message: str, *, code: str | None = None, param: str | None = None) -> ApiError:
    """A well-formed request that the business rules refuse, after execution began."""
    return ApiError(VALIDATION, message, code=code, param=param)


def missing(what: str, name: str, *, param: str | None = None) -> ApiError:
    """An object that does not exist: 404 when the URL names it, 400 when the parameter `param` does."""
    return ApiError(
        MISSING if param is None else VALIDATION,
        f"No such {what}: '{name}'",
        code="resource_missing",
        param=param or "id",
    )
