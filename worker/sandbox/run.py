"""`make run`: the Procfile's processes in real time, on private servers unless DATABASE_URL and REDIS_URL are set.

Without STRIPE_API_KEY the provider is the emulator; without SMTP_HOST in the environment mails go to `var/run/mails`;
without RATES_API_BASE a registered seller gets made-up exchange rates from a stand-in.
Ctrl-C ends everything.
"""

import json
import signal
import subprocess
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from pydantic import ValidationError

from settings import Settings, load_settings
from worker.billing.vat import SellerVat
from worker.clock import sleep_s
from worker.errors import OdnowaError
from worker.sandbox.processes import CHECKOUT, end, spawn, wait_for_port
from worker.sandbox.servers import PrivatePostgres, PrivateRedis
from worker.sandbox.stage import API_KEY, SIGNING_KEY
from worker.store import migrations

FOLDER = CHECKOUT / "var" / "run"
PATH = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin"


def main() -> int:
    """Run until Ctrl-C, SIGTERM, or until a process ends by itself. Returns the process's exit code."""
    signal.signal(signal.SIGTERM, _interrupt)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        with ExitStack() as stack:
            stack.callback(lambda: end(processes))
            environment = _environment(load_settings(), stack, processes)
            migrations.upgrade(environment["DATABASE_URL"])
            for name, command in procfile(CHECKOUT / "Procfile").items():
                if name != "release":
                    process = spawn(["/bin/sh", "-c", f"exec env {command}"], environment=environment, log=_log(name))
                    processes.append(process)
                    print(f"{name:<10} pid {process.pid}, log {_log(name).relative_to(CHECKOUT)}")
            _tell(environment)
            return _watch(processes)
    except (OdnowaError, ValidationError) as error:
        print(f"run: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nended")
        return 0


def procfile(path: Path) -> dict[str, str]:
    """The commands of a Procfile by process name."""
    lines = (line.partition(":") for line in path.read_text(encoding="utf-8").splitlines() if line.strip())
    return {name.strip(): command.strip() for name, _, command in lines}


def _interrupt(signum: int, frame: FrameType | None) -> None:
    del signum, frame
    raise KeyboardInterrupt


def _log(name: str) -> Path:
    return FOLDER / f"{name}.log"


def _environment(given: Settings, stack: ExitStack, processes: list["subprocess.Popen[bytes]"]) -> dict[str, str]:
    """What the processes see: the settings as given, and stand-ins for the servers that are not."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    environment = {"PATH": PATH, "LC_ALL": "C.UTF-8", "LOG_FORMAT": "text"} | _given(given)
    if not given.database_url:
        server = stack.enter_context(PrivatePostgres(FOLDER / "postgres"))
        if not _has_database(server):
            server.create_database("odnowa")
        environment["DATABASE_URL"] = server.url("odnowa")
    if not given.redis_url:
        environment["REDIS_URL"] = stack.enter_context(PrivateRedis(FOLDER / "redis", persistent=True)).url(0)
    if not given.stripe_api_key.get_secret_value():
        port = _listen("emulator", processes, "--journal", str(FOLDER / "journal.jsonl"))
        environment |= {"STRIPE_API_KEY": API_KEY, "STRIPE_API_BASE": f"http://127.0.0.1:{port}"}
    if "smtp_host" not in given.model_fields_set:
        port = _listen("mailsink", processes, "--folder", str(FOLDER / "mails"))
        environment |= {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(port)}
    if "files_url" not in given.model_fields_set:
        environment["FILES_URL"] = str(FOLDER / "files")
    if given.seller_vat == SellerVat.REGISTERED.value and "rates_api_base" not in given.model_fields_set:
        port = _listen("cnb_stand_in", processes)
        environment["RATES_API_BASE"] = f"http://127.0.0.1:{port}"
    if given.seller_vat == SellerVat.REGISTERED.value and "vies_base_url" not in given.model_fields_set:
        environment["VIES_BASE_URL"] = f"http://127.0.0.1:{_listen('vies_stand_in', processes)}"
    return {"LINK_SIGNING_KEY": SIGNING_KEY, "WEB_SESSION_KEY": SIGNING_KEY} | environment


def _given(settings: Settings) -> dict[str, str]:
    """What was set, in the words of the environment."""
    said = settings.model_dump(mode="json", include=settings.model_fields_set)
    secrets = {
        name: value.get_secret_value()
        for name in settings.model_fields_set
        if hasattr(value := getattr(settings, name), "get_secret_value")
    }
    return {
        name.upper(): json.dumps(value) if isinstance(value, list) else str(value)
        for name, value in {**said, **secrets}.items()
    }


def _has_database(server: PrivatePostgres) -> bool:
    try:
        migrations.upgrade(server.url("odnowa"))
    except OdnowaError:
        return False
    return True


def _listen(name: str, processes: list["subprocess.Popen[bytes]"], *flags: str) -> int:
    port_file = FOLDER / f"{name}.port"
    port_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", f"worker.sandbox.{name}", "--port", "0", "--port-file", str(port_file), *flags]
    process = spawn(command, environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}, log=_log(name))
    processes.append(process)
    return wait_for_port(process, port_file=port_file, log=_log(name))


def _tell(environment: Mapping[str, str]) -> None:
    """How another terminal reaches this installation."""
    names = ("DATABASE_URL", "REDIS_URL", "STRIPE_API_KEY", "STRIPE_API_BASE", "SMTP_HOST", "SMTP_PORT")
    more = ("FILES_URL", "RATES_API_BASE", "LINK_SIGNING_KEY", "WEB_SESSION_KEY")
    lines = [f"export {name}='{environment[name]}'" for name in (*names, *more) if name in environment]
    script = FOLDER / "environment.sh"
    script.touch(mode=0o600)
    script.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"\n  . {script.relative_to(CHECKOUT)} && .venv/bin/odnowa doctor\n")
    address = f"http://{environment.get('WEB_HOST', '127.0.0.1')}:{environment.get('WEB_PORT', '8090')}/"
    print(f"The console: {address}, once somebody may enter: odnowa user add NAME --role operator")
    print("\nCtrl-C ends everything.")


def _watch(processes: list["subprocess.Popen[bytes]"]) -> int:
    while True:
        ended = [process for process in processes if process.poll() is not None]
        if ended:
            print(f"{ended[0].args!r} ended with code {ended[0].returncode}; see {FOLDER.relative_to(CHECKOUT)}")
            return 1
        sleep_s(0.5)


if __name__ == "__main__":
    sys.exit(main())
