"""The columns of a file of customers, exactly these, in any order; and how long their texts may be."""

from types import MappingProxyType

CUSTOMER_COLUMNS = (
    "external_id",
    "company",
    "street",
    "city",
    "postcode",
    "email",
    "locale",
    "country",
    "vat_number",
    "currency",
    "package",
    "interval",
    "agents",
    "extra_conversations",
    "agent_price_minor",
    "conversation_price_minor",
    "term_paid_minor",
    "credit_minor",
    "first_paid_on",
    "anchor_on",
    "term_starts_on",
    "term_ends_on",
    "auto_renew",
    "provider_customer",
    "provider_payment_method",
    "method_type",
    "card_brand",
    "card_last4",
    "card_exp",
)

CATALOGUE_COLUMNS = (
    "kind",
    "package",
    "interval",
    "currency",
    "valid_from",
    "agent_price_minor",
    "conversation_price_minor",
    "included",
    "limit",
    "block",
)

LONGEST = MappingProxyType(
    {
        "external_id": 100,
        "company": 200,
        "street": 200,
        "city": 100,
        "postcode": 20,
        "email": 254,
        "provider_customer": 255,
        "provider_payment_method": 255,
    }
)
"""Characters; the other columns have shapes that bound them."""
LONGEST_OTHER = 40
