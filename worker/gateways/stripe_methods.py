"""Those who pay and what they pay with: customers, the saving of methods, and the methods themselves.

Names and addresses of customers go to the provider and nowhere else: its refusals may repeat them, so what is raised
here tells a refusal's code and neither its sentence nor its cause.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

import stripe

from worker import boundary
from worker.errors import ProviderRefusedError, UnreachableError
from worker.gateways.answers import ProviderMethod, ProviderSetup, of_method
from worker.gateways.stripe_line import METHOD_TYPES, StripeLine, assert_key, counted

Made = TypeVar("Made")


class Methods(StripeLine):
    """The provider's customers and payment methods."""

    def create_customer(self, *, key: str, email: str | None, name: str | None, metadata: dict[str, str]) -> str:
        """A new customer's id; None is left out.

        Args:
            key: idempotency key; a lost answer leaves a customer behind whom the same key finds again for 24 hours.
            email: where the provider may write to.
            name: of the person or the company.
            metadata: our own ids.

        Raises:
            ProviderRefusedError: the request is wrong; there is no customer.
            UnreachableError: no usable answer; the same key may be sent again.
        """
        assert_key(key)
        given: dict[str, Any] = {"email": email, "name": name, "metadata": metadata}
        given = {member: value for member, value in given.items() if value is not None}
        return self._made("stripe.customer", partial(self._create_customer, key, given))

    def delete_customer(self, customer: str) -> bool:
        """Have the provider forget a customer, with the saved methods, for good; charges and refunds stay there.

        True when the customer is deleted, also by an earlier call whose answer was lost; False when the provider knows
        nobody of that id.

        Raises:
            UnreachableError: no usable answer; the same may be asked again.
        """
        self._take_turn("stripe.delete_customer")
        with counted("stripe.delete_customer"), boundary.call("stripe.delete_customer"):
            try:
                return self._deleted(customer)
            except Exception as error:  # noqa: BLE001 - whatever it is, it is no usable answer
                raise UnreachableError(
                    f"the provider gives no answer, try again in a few minutes: {type(error).__name__}"
                ) from None

    def set_up(self, *, key: str, customer: str) -> ProviderSetup:
        """A SetupIntent with which the customer saves a method on a page, for payments without being there.

        Args:
            key: idempotency key.
            customer: the provider's id of whose method it will be.

        Raises:
            ProviderRefusedError: the request is wrong; there is no SetupIntent.
            UnreachableError: no usable answer; the same key may be sent again.
        """
        assert_key(key)
        return self._made("stripe.set_up", partial(self._set_up, key, customer=customer))

    def payment_method(self, method: str) -> ProviderMethod | None:
        """A payment method, None when the provider knows none of that id. Raises UnreachableError."""
        return self._method("stripe.method", partial(self._retrieve_method, method))

    def attach(self, method: str, *, customer: str) -> ProviderMethod | None:
        """Save a method for a customer, None when the provider refuses it. Raises UnreachableError."""
        return self._method("stripe.attach", partial(self._attach, method, customer=customer))

    def detach(self, method: str) -> ProviderMethod | None:
        """Forget a saved method for good, None when it was not saved any more. Raises UnreachableError."""
        return self._method("stripe.detach", partial(self._detach, method))

    def _create_customer(self, key: str, given: dict[str, Any]) -> str:
        made = self._client.v1.customers.create(
            params=given,  # type: ignore[arg-type]  # built from what the call allows
            options={"idempotency_key": key},
        )
        return made.id

    def _deleted(self, customer: str) -> bool:
        try:
            return bool(self._client.v1.customers.delete(customer).deleted)
        except stripe.InvalidRequestError as error:
            if error.code != "resource_missing":
                raise
        try:
            # a deleted customer can still be read, and says so
            return bool(getattr(self._client.v1.customers.retrieve(customer), "deleted", False))
        except stripe.InvalidRequestError as error:
            if error.code != "resource_missing":
                raise
            return False

    def _set_up(self, key: str, *, customer: str) -> ProviderSetup:
        made = self._client.v1.setup_intents.create(
            params={
                "customer": customer,
                "usage": "off_session",
                "allowed_payment_method_types": list(METHOD_TYPES),
            },
            options={"idempotency_key": key},
        )
        if not made.client_secret:
            raise ValueError("a SetupIntent without a client secret")
        return ProviderSetup(setup=made.id, client_secret=made.client_secret)

    def _retrieve_method(self, method: str) -> stripe.PaymentMethod:
        return self._client.v1.payment_methods.retrieve(method)

    def _attach(self, method: str, *, customer: str) -> stripe.PaymentMethod:
        return self._client.v1.payment_methods.attach(method, {"customer": customer})

    def _detach(self, method: str) -> stripe.PaymentMethod:
        return self._client.v1.payment_methods.detach(method)

    def _made(self, name: str, one: Callable[[], Made]) -> Made:
        self._take_turn(name)
        with counted(name), boundary.call(name):
            try:
                return one()
            except (stripe.InvalidRequestError, stripe.IdempotencyError, stripe.CardError) as error:
                said = f"{type(error).__name__} {getattr(error.error, 'code', None)} {error.request_id}"
                raise ProviderRefusedError(f"the provider refuses {name}: {said}") from None
            except Exception as error:  # noqa: BLE001 - whatever it is, it is no usable answer
                raise UnreachableError(
                    f"the provider gives no answer, try again in a few minutes: {type(error).__name__}"
                ) from None

    def _method(self, name: str, one: Callable[[], stripe.PaymentMethod]) -> ProviderMethod | None:
        self._take_turn(name)
        try:
            with counted(name), boundary.call(name):
                return of_method(one())
        except (stripe.InvalidRequestError, stripe.CardError):
            return None
        except stripe.StripeError as error:
            raise UnreachableError(
                f"the provider gives no answer, try again in a few minutes: {type(error).__name__}"
            ) from error
