"""What every page works with: the runtime, connections for reading, keys and limits."""

from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from sqlalchemy import Engine, event

from settings import Settings
from worker.errors import SettingsError
from worker.queue.plans import JobSpec
from worker.runtime import Runtime, make_database, make_runtime
from worker.store.engine import make_engine
from worker.store.migrations import check_migrated
from worker.telemetry import hide
from worker.web.signing import Signing
from worker.web.throttle import Throttle

KEY_MIN = 32
_Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Console:
    """The parts of the console.

    Args:
        runtime: what acts work with.
        reading: read-only connections whose statements end early; as many as threads.
        signing: of cookies and forms.
        throttle: of logins.
        hosts: names by which browsers may call.
        session_hours: until a person has to log in again.
        user_header: in which a reverse proxy names the person, "" for none.
        proxies: from where that is believed.
        threads: requests worked on at once.
        body_max_bytes: longest body.
        body_timeout_s: by when a body must be there.
        rate_days_max: how old an exchange rate may be (R16).
    """

    runtime: Runtime
    reading: Engine
    signing: Signing
    throttle: Throttle
    hosts: tuple[str, ...]
    session_hours: int
    user_header: str
    proxies: tuple[_Network, ...]
    threads: int
    body_max_bytes: int
    body_timeout_s: float
    rate_days_max: int

    def is_proxy(self, address: str) -> bool:
        """Whether that address is a reverse proxy of ours."""
        try:
            found = ip_address(address)
        except ValueError:
            return False
        return any(found in network for network in self.proxies)

    def specs(self) -> dict[str, JobSpec]:
        """The jobs by name."""
        from worker import jobs

        return {name: job.spec(self.runtime) for name, job in jobs.load().items()}


def make_console(settings: Settings, runtime: Runtime | None = None) -> Console:
    """All parts, connected to nothing yet. Raises SettingsError with a sentence that names the variable."""
    key = settings.web_session_key.get_secret_value()
    hide(key)
    if len(key) < KEY_MIN:
        raise SettingsError(f"WEB_SESSION_KEY needs at least {KEY_MIN} characters; it signs the console's cookies")
    try:
        proxies = tuple(ip_network(one) for one in settings.trusted_proxies)
    except ValueError as error:
        raise SettingsError(f"TRUSTED_PROXIES: {error}") from None
    if settings.trusted_user_header and not proxies:
        raise SettingsError("TRUSTED_USER_HEADER is believed from TRUSTED_PROXIES only, and none is set")
    whole = runtime or replace(make_runtime(settings), engine=make_database(settings, name="odnowa-web"))
    reading = make_engine(
        settings.database_url,
        pool_max=settings.web_threads,
        statement_timeout_s=settings.web_page_timeout_s,
        name="odnowa-web-pages",
    )
    event.listen(reading, "connect", _read_only)
    return Console(
        runtime=whole,
        reading=reading,
        signing=Signing(key),
        throttle=Throttle(settings.web_login_tries_max, settings.web_login_minutes),
        hosts=settings.web_hosts,
        session_hours=settings.web_session_hours,
        user_header=settings.trusted_user_header,
        proxies=proxies,
        threads=settings.web_threads,
        body_max_bytes=settings.web_body_max_bytes,
        body_timeout_s=settings.web_body_timeout_s,
        rate_days_max=settings.rule_rate_days_max,
    )


def _read_only(connection: object, record: object) -> None:
    del record
    connection.read_only = True  # type: ignore[attr-defined] # psycopg's, which SQLAlchemy does not type


def open_console(settings: Settings) -> Console:
    """All parts, over a database that fits the code. Raises as `worker.runtime.open_runtime` does."""
    console = make_console(settings)
    check_migrated(console.runtime.engine)
    return console
