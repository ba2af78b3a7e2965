"""The floor: the same two provider calls by the bare client, one process, one thread, nothing written anywhere.

`python -m bench.floor URL FIRST LAST` charges customers FIRST to LAST of a crowd; prints CPU seconds.
"""

import resource
import sys

import stripe

from worker.sandbox.crowd import SUM_MINOR


def main(url: str, first: int, last: int) -> None:
    """Create and confirm, one customer after the other."""
    stripe.enable_telemetry = False
    client = stripe.StripeClient(
        "sk_test_emulator",
        base_addresses={"api": url},
        http_client=stripe.RequestsClient(timeout=(5, 10)),
        max_network_retries=0,
    )
    for n in range(first, last + 1):
        intent = client.v1.payment_intents.create(
            params={
                "amount": SUM_MINOR,
                "currency": "eur",
                "customer": f"cus_crowd_{n}",
                "allowed_payment_method_types": ["card", "paypal"],
                "metadata": {"floor": str(n)},
            },
            options={"idempotency_key": f"floor-create-{n}"},
        )
        paid = client.v1.payment_intents.confirm(
            intent.id,
            params={
                "payment_method": f"pm_crowd_{n}",
                "off_session": True,
                "allowed_payment_method_types": ["card"],
            },
            options={"idempotency_key": f"floor-confirm-{n}"},
        )
        assert paid.status == "succeeded", paid.status
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(used.ru_utime + used.ru_stime)  # noqa: T201 - read by bench.renewals


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
