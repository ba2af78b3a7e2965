"""The composition root: settings become the parts that jobs and the command line are handed."""

from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import unquote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Engine
from stdnum.eu import vat as vat_numbers

from settings import Settings
from worker.billing.money import Currency
from worker.billing.policy import Policy
from worker.billing.vat import Rates, Seller, SellerVat
from worker.billing.vat_area import MEMBER_STATES
from worker.billing.vat_rates import STANDARD_RATES
from worker.broker import RedisBell, make_broker, redis_client
from worker.clock import Clock, ShiftedClock, SystemClock
from worker.documents.logo import Logo, read_logo
from worker.errors import DocumentError, SettingsError
from worker.gateways.files import Files
from worker.gateways.pacing import Pacer, Unpaced
from worker.gateways.rate_lists import HOME
from worker.gateways.rates import DailyRates
from worker.gateways.smtp import SmtpMailer
from worker.gateways.stripe import StripeGateway
from worker.gateways.vies import Vies
from worker.store.engine import make_engine
from worker.store.migrations import check_migrated
from worker.telemetry import hide

SIGNING_KEY_MIN = 32


@dataclass(frozen=True, slots=True)
class Links:
    """Where mails lead to, and the key that signs the way to a payment."""

    account_page_url: str
    payment_page_url: str
    signing_key: str = field(repr=False)
    valid_days: int
    vies_page_url: str


@dataclass(frozen=True, slots=True)
class SellerDetails:
    """The seller as printed on paper."""

    name: str
    street: str
    city: str
    postcode: str
    country: str
    company_id: str
    register_entry: str
    email: str
    web: str
    vat_number: str


@dataclass(frozen=True, slots=True)
class MailSettings:
    """How mails leave."""

    sender: str
    reply_to: str
    attempts_max: int

    @property
    def domain(self) -> str:
        """The domain of the sender, for Message-IDs."""
        return self.sender.rpartition("@")[2].rstrip(">")


@dataclass(frozen=True, slots=True)
class DoorKeys:
    """What machines show at the web process: the provider's webhooks, and whoever reads the metrics."""

    webhook_secrets: tuple[str, ...] = field(repr=False)
    metrics_token: str | None = field(repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """Sizes and times of the queue."""

    item_size_max: int
    micro_batch_max: int
    lease_s: int
    item_attempts_max: int
    worker_threads: int
    catch_up_days: int


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything that a job may use."""

    clock: Clock
    engine: Engine
    payments: StripeGateway
    vies: Vies
    mailer: Callable[[], SmtpMailer]
    bell: RedisBell
    policy: Policy
    rates: Rates
    seller: Seller
    gross_currencies: frozenset[Currency]
    seller_details: SellerDetails
    logo: Logo | None
    links: Links
    mail: MailSettings
    limits: Limits
    invoice_prefix: str
    credit_note_prefix: str
    invoice_start_year: int
    invoice_sequence_start: int
    credit_note_sequence_start: int
    files: Files
    daily_rates: DailyRates
    home_currency: str | None
    """The currency of the tax office, in which documents of a registered seller are told too; None for others."""
    door_keys: DoorKeys


def make_clock(settings: Settings) -> Clock:
    """The clock in the seller's zone. Raises SettingsError for a zone that does not exist."""
    try:
        zone = ZoneInfo(settings.seller_timezone)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise SettingsError(f"SELLER_TIMEZONE {settings.seller_timezone} is no time zone") from error
    return SystemClock(zone) if settings.clock_file is None else ShiftedClock(zone, settings.clock_file)


def _need(value: str, name: str, example: str) -> str:
    if not value:
        raise SettingsError(f"{name} is not set, for example {example}")
    return value


def make_policy(settings: Settings) -> Policy:
    """The rule numbers of these settings."""
    return Policy(
        retry_days=settings.rule_retry_days,
        reminder_days=settings.rule_reminder_days,
        yearly_announcement_days=settings.rule_yearly_announcement_days,
        card_expiry_days=settings.rule_card_expiry_days,
        price_notice_days=settings.rule_price_notice_days,
        extension_days_max=settings.rule_extension_days_max,
        replay_limit_hours=settings.rule_replay_limit_hours,
        refund_days=settings.rule_refund_days,
        hold_multiple=settings.rule_hold_multiple,
        hold_history_runs=settings.rule_hold_history_runs,
        quote_minutes=settings.rule_quote_minutes,
        order_hours=settings.rule_order_hours,
        agents_max=settings.rule_agents_max,
        vies_valid_days=settings.rule_vies_valid_days,
        rate_days_max=settings.rule_rate_days_max,
    )


def hide_secrets(settings: Settings) -> None:
    """Have no secret of these settings leave the process in words: not the keys, nor a password in an address."""
    hide(
        settings.stripe_api_key.get_secret_value(),
        settings.smtp_password.get_secret_value(),
        settings.link_signing_key.get_secret_value(),
        settings.metrics_token.get_secret_value(),
        *(one.get_secret_value() for one in settings.stripe_webhook_secrets),
    )
    for address in (settings.database_url, settings.redis_url):
        # by hand, so that what is no address hides its password, too
        password = address.partition("://")[2].rpartition("@")[0].partition(":")[2]
        hide(password, unquote(password))


def make_payments(settings: Settings) -> StripeGateway:
    """The provider, paced together with all other workers."""
    hide_secrets(settings)
    key = _need(settings.stripe_api_key.get_secret_value(), "STRIPE_API_KEY", "the provider's secret key")
    redis_url = _need(settings.redis_url, "REDIS_URL", "redis://localhost:6379/0")
    pacer = (
        Pacer(
            redis_client(redis_url),
            settings.stripe_calls_per_second,
            sharers=settings.worker_machines * settings.worker_processes,
            namespace=settings.redis_namespace,
        )
        if settings.stripe_paced
        else Unpaced()
    )
    return StripeGateway(
        api_key=key,
        api_base=settings.stripe_api_base,
        timeout_s=settings.stripe_timeout_s,
        connections=settings.stripe_connections,
        pacer=pacer,
    )


def make_vies(settings: Settings, clock: Clock) -> Vies:
    """The register of VAT numbers, asked in the seller's own name and paced together with all other workers."""
    redis_url = _need(settings.redis_url, "REDIS_URL", "redis://localhost:6379/0")
    return Vies(
        settings.vies_base_url,
        requester=settings.seller_vat_number or None,
        timeout_s=settings.vies_timeout_s,
        pacer=Pacer(
            redis_client(redis_url),
            settings.vies_calls_per_second,
            sharers=settings.worker_machines * settings.worker_processes,
            namespace=settings.redis_namespace,
        ),
        clock=clock,
    )


def make_mailer(settings: Settings) -> SmtpMailer:
    """A mailer with no connection yet."""
    hide_secrets(settings)
    return SmtpMailer(
        settings.smtp_host,
        settings.smtp_port,
        username=settings.smtp_user or None,
        password=settings.smtp_password.get_secret_value() or None,
        starttls=settings.smtp_starttls,
        timeout_s=settings.smtp_timeout_s,
    )


def make_files(settings: Settings) -> Files:
    """The place of files, not looked for yet."""
    return Files(settings.files_url)


def make_database(settings: Settings, *, name: str = "odnowa") -> Engine:
    """The engine of these settings. Raises SettingsError when there is no usable address."""
    hide_secrets(settings)
    return make_engine(
        _need(settings.database_url, "DATABASE_URL", "postgresql://user@host/name"),
        pool_max=settings.database_pool_max,
        statement_timeout_s=settings.statement_timeout_s,
        name=name,
    )


def make_logo(settings: Settings) -> Logo | None:
    """The picture at the top of documents. Raises SettingsError when it cannot be printed."""
    if settings.seller_logo is None:
        return None
    try:
        return read_logo(settings.seller_logo.read_bytes())
    except (OSError, DocumentError) as error:
        raise SettingsError(f"SELLER_LOGO {settings.seller_logo}: {error}") from None


def _check_seller(settings: Settings) -> None:
    """A registered seller sits in the EU and has a VAT number there; its checksum is tested, VIES is not asked."""
    registered = settings.seller_vat == SellerVat.REGISTERED.value
    if registered and settings.seller_country not in MEMBER_STATES:
        raise SettingsError(f"SELLER_VAT=registered has rules for the EU only, not for {settings.seller_country}")
    prefix = "EL" if settings.seller_country == "GR" else settings.seller_country
    number = settings.seller_vat_number
    if registered and not (number.startswith(prefix) and vat_numbers.is_valid(number)):
        raise SettingsError(f"SELLER_VAT_NUMBER must be the seller's own VAT number, beginning with {prefix}")
    if registered and settings.seller_currency != HOME.value:
        raise SettingsError(
            f"SELLER_CURRENCY must be {HOME.value}: the exchange rates here are those of the Czech National Bank"
        )


def home_currency(settings: Settings) -> str | None:
    """The currency of a registered seller's tax office; a seller who owes no VAT tells no sums in it."""
    return settings.seller_currency if settings.seller_vat == SellerVat.REGISTERED.value else None


def make_door_keys(settings: Settings) -> DoorKeys:
    """What machines show at the web process."""
    return DoorKeys(
        webhook_secrets=tuple(one.get_secret_value() for one in settings.stripe_webhook_secrets),
        metrics_token=settings.metrics_token.get_secret_value() or None,
    )


def make_runtime(settings: Settings) -> Runtime:
    """All parts, connected to nothing yet. Raises SettingsError with a sentence that names the variable."""
    hide_secrets(settings)
    signing_key = settings.link_signing_key.get_secret_value()
    if len(signing_key) < SIGNING_KEY_MIN:
        raise SettingsError(f"LINK_SIGNING_KEY needs at least {SIGNING_KEY_MIN} characters; it signs links in mails")
    _check_seller(settings)
    if settings.credit_note_prefix == settings.invoice_prefix:
        raise SettingsError("CREDIT_NOTE_PREFIX is that of the invoices, so numbers would repeat, for example D")
    redis_url = _need(settings.redis_url, "REDIS_URL", "redis://localhost:6379/0")
    return Runtime(
        clock=make_clock(settings),
        engine=make_database(settings),
        payments=make_payments(settings),
        vies=make_vies(settings, make_clock(settings)),
        mailer=lambda: make_mailer(settings),
        bell=RedisBell(make_broker(redis_url, namespace=settings.redis_namespace)),
        policy=make_policy(settings),
        rates=STANDARD_RATES,
        gross_currencies=frozenset(map(Currency, settings.gross_price_currencies)),
        seller=Seller(settings.seller_country, SellerVat(settings.seller_vat)),
        logo=make_logo(settings),
        seller_details=SellerDetails(
            name=settings.seller_name,
            street=settings.seller_street,
            city=settings.seller_city,
            postcode=settings.seller_postcode,
            country=settings.seller_country,
            company_id=settings.seller_company_id,
            register_entry=settings.seller_register_entry,
            email=settings.seller_email,
            web=settings.seller_web,
            vat_number=settings.seller_vat_number,
        ),
        links=Links(
            account_page_url=settings.account_page_url,
            payment_page_url=settings.payment_page_url,
            signing_key=signing_key,
            valid_days=settings.link_valid_days,
            vies_page_url=settings.vies_page_url,
        ),
        mail=MailSettings(settings.mail_from, settings.mail_reply_to, settings.mail_attempts_max),
        limits=Limits(
            item_size_max=settings.item_size_max,
            micro_batch_max=settings.micro_batch_max,
            lease_s=settings.lease_s,
            item_attempts_max=settings.item_attempts_max,
            worker_threads=settings.worker_machines * settings.worker_processes * settings.worker_threads,
            catch_up_days=settings.rule_catch_up_days,
        ),
        invoice_prefix=settings.invoice_prefix,
        credit_note_prefix=settings.credit_note_prefix,
        invoice_start_year=settings.invoice_start_year,
        invoice_sequence_start=settings.invoice_sequence_start,
        credit_note_sequence_start=settings.credit_note_sequence_start,
        files=make_files(settings),
        daily_rates=DailyRates(settings.rates_api_base, timeout_s=settings.rates_timeout_s),
        home_currency=home_currency(settings),
        door_keys=make_door_keys(settings),
    )


def open_runtime(settings: Settings) -> Runtime:
    """All parts, over a database that fits the code; for processes that stay.

    Raises:
        SettingsError: a setting is missing or wrong.
        UnmigratedError: database and code differ.
        UnreachableError: the database does not answer.
    """
    runtime = make_runtime(settings)
    check_migrated(runtime.engine)
    runtime.engine.dispose()
    return runtime
