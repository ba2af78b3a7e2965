"""Every knob, typed, with its unit in its name; the only reader of the environment.

A value comes from the environment variable of the same name in capitals (`SMTP_HOST`), else from a file `.env`
in the working folder, else from the default here. The rules marked [ours] on the product page are `rule_*`.
"""

import math
import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as UnreadableError

from worker.errors import SettingsError

TEXT_MAX = 1_000
NUMBER_MAX = 2**31 - 1
SECRET_MIN = 16
_PAGES = ("stripe_api_base", "account_page_url", "payment_page_url")
_LISTS_OF_WORDS = ("gross_price_currencies", "web_hosts", "trusted_proxies", "stripe_webhook_secrets")
_MAILBOXES = ("mail_from", "mail_reply_to", "seller_email")


class Settings(BaseSettings):
    """All settings. Raises pydantic's ValidationError on a value that cannot be."""

    model_config = SettingsConfigDict(env_file=".env", extra="ignore", frozen=True)

    # Servers
    database_url: str = Field(default="", repr=False, description="PostgreSQL 15 or newer, postgresql://...")
    redis_url: str = Field(
        default="", repr=False, description="Redis with maxmemory-policy noeviction, a database of its own"
    )
    database_pool_max: int = Field(default=10, ge=1, description="connections a process may hold")
    statement_timeout_s: int = Field(default=60, ge=1)
    redis_namespace: str = "odnowa"

    # The payment provider
    stripe_api_key: SecretStr = SecretStr("")
    stripe_api_base: str = "https://api.stripe.com"
    stripe_timeout_s: float = Field(default=10, gt=0, le=60)
    stripe_calls_per_second: float = Field(
        default=23.8, gt=0, description="per endpoint, all workers together; below the 25 allowed, for jitter"
    )
    stripe_connections: int = Field(default=24, ge=1, description="calls at once per process; one second of them")
    stripe_paced: bool = Field(default=True, description="off only for a provider without limits, as in the bench")
    stripe_webhook_secrets: tuple[SecretStr, ...] = Field(
        default=(), description="that sign its webhooks, as a JSON list; the old one and the new during a rotation"
    )

    # The register of VAT numbers, asked by a registered seller only
    vies_base_url: str = "https://ec.europa.eu/taxation_customs/vies/rest-api"
    vies_page_url: str = Field(
        default="https://ec.europa.eu/taxation_customs/vies", description="where people look a number up"
    )
    vies_timeout_s: float = Field(default=20, gt=0, le=60, description="states take up to 16 seconds")
    vies_calls_per_second: float = Field(default=1, gt=0, description="per country, all workers together")

    # Mail
    smtp_host: str = "127.0.0.1"
    smtp_port: int = Field(default=25, ge=1, le=65535)
    smtp_user: str = ""
    smtp_password: SecretStr = SecretStr("")
    smtp_starttls: bool = False
    smtp_timeout_s: float = Field(default=20, gt=0)
    mail_from: str = "billing@odnowa.example"
    mail_reply_to: str = "support@odnowa.example"
    mail_attempts_max: int = Field(default=12, ge=1)

    # The place of files: the pages of documents
    files_url: str = Field(default="var/files", min_length=1, description="a folder, or an address that fsspec knows")

    # The bank whose exchange rates stand on documents
    rates_api_base: str = Field(default="https://api.cnb.cz/cnbapi", description="the Czech National Bank's")
    rates_timeout_s: float = Field(default=10, gt=0, le=60)

    # Pages of the product that mails lead to
    account_page_url: str = "https://shop.odnowa.example/account"
    payment_page_url: str = "https://shop.odnowa.example/pay"
    link_signing_key: SecretStr = Field(
        default=SecretStr(""), description="signs the links in mails; 32 characters or more"
    )
    link_valid_days: int = Field(default=8, ge=1)

    # The seller, as printed on invoices
    seller_name: str = "Odnowa Sample s.r.o."
    seller_street: str = "Ukázková 1"
    seller_city: str = "Praha"
    seller_postcode: str = "110 00"
    seller_country: str = Field(default="CZ", pattern="^[A-Z]{2}$")
    seller_company_id: str = "00000000"
    seller_register_entry: str = ""
    seller_email: str = "support@odnowa.example"
    seller_web: str = "odnowa.example"
    seller_vat: Literal["not_registered", "registered"] = "not_registered"
    seller_vat_number: str = Field(default="", description="with its country; of a registered seller")
    seller_currency: Literal["PLN", "EUR", "USD", "CZK"] = Field(default="CZK", description="of its tax office")
    seller_logo: Path | None = Field(default=None, description="an SVG or PNG picture for documents, 64 kB at most")
    seller_timezone: str = "Europe/Prague"
    gross_price_currencies: tuple[Literal["PLN", "EUR", "USD", "CZK"], ...] = Field(
        default=(), description="as a JSON list: the price list contains VAT in these"
    )
    invoice_prefix: str = Field(default="", max_length=8)
    credit_note_prefix: str = Field(default="D", max_length=8, description="of the credit notes; never the invoices'")
    invoice_start_year: int = Field(default=0, ge=0, description="the year that the next two settings are for")
    invoice_sequence_start: int = Field(default=1, ge=1, description="first number of that year; others begin at 1")
    credit_note_sequence_start: int = Field(default=1, ge=1, description="the same of the credit notes")

    # Rules of ours (product-rules.md, [ours])
    rule_retry_days: tuple[int, ...] = (1, 3, 5, 7)
    rule_reminder_days: tuple[int, ...] = (14, 7, 1)
    rule_yearly_announcement_days: int = Field(default=30, ge=1)
    rule_card_expiry_days: int = Field(default=14, ge=1)
    rule_price_notice_days: int = Field(default=30, ge=1, description="how long new prices are announced ahead")
    rule_extension_days_max: int = Field(default=366, ge=1, description="the most days that support gives at once")
    rule_refund_days: int = Field(default=15, ge=0, description="a first payment goes back until then (R14)")
    rule_hold_multiple: int = Field(default=5, ge=2, description="renew holds above this multiple of the usual sum")
    rule_hold_history_runs: int = Field(default=7, ge=1)
    rule_quote_minutes: int = Field(default=15, ge=1, description="how long a quote may be confirmed")
    rule_order_hours: int = Field(default=24, ge=1, le=168, description="how long an order may be paid")
    rule_agents_max: int = Field(default=10_000, ge=1, description="the most agents of one subscription")
    rule_vies_valid_days: int = Field(default=90, ge=1, description="how old a VAT number's confirmation may be")
    rule_rate_days_max: int = Field(default=7, ge=0, description="how much older than the payment a rate may be")
    rule_catch_up_days: int = Field(default=31, ge=0)
    rule_replay_limit_hours: int = Field(default=23, ge=1, le=23)

    # The queue
    item_size_max: int = Field(default=50, ge=1, le=500)
    micro_batch_max: int = Field(default=25, ge=1, le=25)
    lease_s: int = Field(default=30, ge=5)
    item_attempts_max: int = Field(default=12, ge=1)
    worker_machines: int = Field(default=1, ge=1, description="machines that run the worker line of the Procfile")
    worker_processes: int = Field(default=2, ge=1, description="worker processes per machine")
    worker_threads: int = Field(default=4, ge=1, description="threads per worker process")

    # The ops console
    web_host: str = Field(default="127.0.0.1", min_length=1, description="the address that it listens on")
    web_port: int = Field(default=8090, ge=0, le=65535)
    web_hosts: tuple[str, ...] = Field(
        default=("127.0.0.1", "localhost", "::1"),
        min_length=1,
        description="names by which browsers may call it; as a JSON list",
    )
    web_session_key: SecretStr = Field(default=SecretStr(""), description="signs cookies; 32 characters or more")
    web_session_hours: int = Field(default=12, ge=1, le=720)
    web_threads: int = Field(
        default=8, ge=1, le=100, description="requests worked on at once; also reading connections"
    )
    web_page_timeout_s: int = Field(default=5, ge=1, description="the longest statement of a page that only shows")
    web_body_max_bytes: int = Field(default=262_144, ge=1_024, description="the longest body of a request")
    web_body_timeout_s: float = Field(default=10, gt=0, description="by when the whole body must be there")
    web_login_tries_max: int = Field(
        default=10, ge=1, description="per name and per address in the next setting's time"
    )
    web_login_minutes: int = Field(default=15, ge=1)
    trusted_user_header: str = Field(
        default="", pattern=r"^[A-Za-z0-9-]*$", description="in which a reverse proxy names who it has let in"
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(), description="addresses or networks of reverse proxies; as a JSON list"
    )

    # Metrics
    metrics_token: SecretStr = Field(
        default=SecretStr(""), description="that a scraper must bear; empty: whoever reaches the page may read it"
    )

    # Only for rehearsals
    clock_file: Path | None = Field(default=None, description="a file with seconds to add to the clock; sandbox only")
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["json", "text"] = "json"

    @field_validator("*")
    @classmethod
    def _sensible(cls, value: Any, about: ValidationInfo) -> Any:
        """No setting is endless, or holds what nobody sees: it would end in a header, an address or a query."""
        text = value.get_secret_value() if isinstance(value, SecretStr) else value
        if isinstance(text, str) and not (text.isprintable() and len(text) <= TEXT_MAX):
            raise ValueError(f"holds characters that cannot be seen, or more than {TEXT_MAX}")
        if isinstance(value, int | float) and not (math.isfinite(value) and value <= NUMBER_MAX):
            raise ValueError(f"must not be above {NUMBER_MAX}")
        if about.field_name == "stripe_webhook_secrets":
            words = [one.get_secret_value() for one in value]
            if not all(one.isascii() and one.isprintable() and SECRET_MIN <= len(one) <= TEXT_MAX for one in words):
                raise ValueError(f"each must be {SECRET_MIN} to {TEXT_MAX} characters that can be seen")
        days = isinstance(value, tuple) and about.field_name not in _LISTS_OF_WORDS
        if days and not (value and all(0 < one <= NUMBER_MAX for one in value)):
            raise ValueError(f"must hold numbers from 1 to {NUMBER_MAX}, and at least one")
        return value

    @field_validator(*_PAGES)
    @classmethod
    def _page(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^\s/?#@]+(/\S*)?", value):
            raise ValueError("must be an address like https://shop.example/account")
        return value

    @field_validator("web_hosts", "trusted_proxies")
    @classmethod
    def _listed(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(re.fullmatch(r"[\w.:/-]{1,255}", one, re.ASCII) for one in value):
            raise ValueError('must be a list like ["127.0.0.1", "ops.shop.example"]')
        return value

    @field_validator(*_MAILBOXES)
    @classmethod
    def _mailbox(cls, value: str) -> str:
        if not re.fullmatch(r"[^\s@<>]+@[^\s@<>]+|[^@<>]+<[^\s@<>]+@[^\s@<>]+>", value):
            raise ValueError("must be an e-mail address, such as billing@shop.example")
        return value


def load_settings() -> Settings:
    """The settings of this process.

    Raises:
        SettingsError: values that cannot be; one line that names each variable and the reason, never the value.
    """
    try:
        return Settings()
    except UnreadableError as error:
        name = re.search(r'field "(\w+)"', str(error))
        raise SettingsError(f"{name[1].upper() if name else 'a setting'}: must be a list like [1, 3, 5, 7]") from None
    except ValidationError as error:
        found = [f"{'_'.join(map(str, one['loc'][:1])).upper()}: {one['msg']}" for one in error.errors()]
        raise SettingsError("; ".join(found)) from None
