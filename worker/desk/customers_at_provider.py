"""The account's customer at the payment provider: made when it is first needed, and one per account.

Called outside any transaction. Two who need it at once send the provider the same key and are answered the same
customer; whoever writes second finds the first's. An answer that was lost leaves nothing behind that the same key
would not find again.
"""

import hashlib
import json

from worker import boundary
from worker.errors import ActRefusedError
from worker.runtime import Runtime
from worker.store import accounts


def ensure_customer(runtime: Runtime, account: int) -> str:
    """The provider's id of the account's customer; `account` is the account's number.

    Raises:
        ActRefusedError: the account was erased meanwhile.
        ProviderRefusedError: the provider refuses to make one.
        UnreachableError: the provider does not answer; the same may be asked again.
    """
    with boundary.transaction(runtime.engine, "desk.customer") as connection:
        facts = accounts.customer_facts(connection, account)
    if facts.provider_customer is not None:
        return str(facts.provider_customer)
    # The details are in the key, because the provider refuses a key that comes back with other parameters.
    told = [facts.external_id, facts.details_version, facts.email, facts.name]
    made = runtime.payments.create_customer(
        key=f"customer:{hashlib.sha256(json.dumps(told).encode()).hexdigest()}",
        email=facts.email,
        name=facts.name,
        metadata={"account": facts.external_id},
    )
    with boundary.transaction(runtime.engine, "desk.customer.keep") as connection:
        accounts.keep_customer(connection, account, made)
        kept = accounts.customer_facts(connection, account)
    if kept.erasure_began_at is not None:
        # noted first, so that the erasure finds the customer when it is asked for again, should we die here
        raise ActRefusedError("erased", "the account is being erased: ask for that again, so that this is erased too")
    return str(kept.provider_customer)
