"""A Label Studio server of one's own on this machine: set up, started, stopped.

For the demonstration and the tests. The server lives in a venv of its own,
because it pins libraries that ours cannot share (``make label-studio``). A
server is a folder with its database, its log and its accounts; an empty one
takes half a minute to fill, a copy of a filled one starts in four seconds.

    python -m newsgold.annotation.local init FOLDER
    python -m newsgold.annotation.local demo FOLDER CORPUS TEMPLATE PORT
    python -m newsgold.annotation.local stop FOLDER

Nothing leaves the machine: telemetry is off and only 127.0.0.1 is served.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import msgspec

from newsgold.errors import FileFault, NewsgoldError

HOST = "127.0.0.1"
USERS = ("admin@example.com", "second@example.com")
"""The accounts of a new server; the first one administers it."""
_ACCOUNTS = "accounts.json"
_LOG = "server.log"
_RUNNING = "running.json"
DEMO = "newsgold demo"
"""The title of the demonstration's project."""
_QUIET = {
    "COLLECT_ANALYTICS": "0",
    "LABEL_STUDIO_COLLECT_ANALYTICS": "0",
    "LABEL_STUDIO_LATEST_VERSION_CHECK": "0",
    "LABEL_STUDIO_DISABLE_SIGNUP_WITHOUT_LINK": "1",
    "SENTRY_DSN": "",
    "FRONTEND_SENTRY_DSN": "",
    "LABEL_STUDIO_SENTRY_DSN": "",
    "LABEL_STUDIO_FRONTEND_SENTRY_DSN": "",
    # Pre-annotations that name an unknown control or label are refused; without it the server takes anything.
    "fflag_feat_utc_210_prediction_validation_15082025": "1",
}


class Account(msgspec.Struct, frozen=True):
    """A user of a server of one's own."""

    username: str
    password: str
    token: str


class _Running(msgspec.Struct, frozen=True):
    """The server that a demonstration left running."""

    pid: int
    url: str


class Local(NamedTuple):
    """A running server."""

    url: str
    accounts: tuple[Account, ...]
    folder: Path
    pid: int

    @property
    def token(self) -> str:
        """The access token of the administrator."""
        return self.accounts[0].token


def executable() -> Path:
    """Where ``make label-studio`` installed the server, or ``NEWSGOLD_LABEL_STUDIO``; raises :class:`FileFault`."""
    path = Path(os.environ.get("NEWSGOLD_LABEL_STUDIO", ".venv-label-studio/bin/label-studio")).absolute()
    if not path.is_file():
        raise FileFault(f"there is no Label Studio at {path}; make label-studio installs it")
    return path


def initialise(folder: Path) -> None:
    """Make the folder of a new server with the accounts :data:`USERS`; it takes half a minute."""
    folder.mkdir(parents=True)
    accounts = [Account(name, secrets.token_urlsafe(12), secrets.token_hex(20)) for name in USERS]
    secret = folder / _ACCOUNTS
    secret.touch(0o600)
    secret.write_bytes(msgspec.json.encode(accounts))
    with running(folder):
        for account in accounts[1:]:
            # Credentials go by the environment: a process list shows arguments.
            done = subprocess.run(
                [executable(), "init", "-b"], env=_environment(folder, account), capture_output=True, check=False
            )
            if done.returncode:
                raise NewsgoldError(f"Label Studio cannot make the account {account.username}")


@contextlib.contextmanager
def running(folder: Path, *, template: Path | None = None, port: int | None = None, **environment: str) -> Iterator[Local]:
    """A server over a folder, which is a copy of ``template`` where it does not exist; stopped at the end."""
    local = start(folder, template=template, port=port, environment=environment)
    try:
        yield local
    finally:
        stop(local)


def start(
    folder: Path, *, template: Path | None = None, port: int | None = None, environment: Mapping[str, str] | None = None
) -> Local:
    """Start a server and leave it running; raises :class:`NewsgoldError` if it does not answer, or the port is taken."""
    if template is not None and not folder.exists():
        shutil.copytree(template, folder)
    accounts = _accounts(folder)
    port = _free_port() if port is None else _checked(port)
    command = [str(executable()), "start", "-b", "--internal-host", HOST, "-p", str(port), "--enable-legacy-api-token"]
    log, write = str(folder / _LOG), os.O_WRONLY | os.O_CREAT | os.O_APPEND
    # No Popen: the server may outlive us, and its object would complain of that.
    pid = os.posix_spawn(
        command[0],
        command,
        {**_environment(folder, accounts[0]), **(environment or {})},
        file_actions=[
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, log, write, 0o600),
            (os.POSIX_SPAWN_DUP2, 1, 2),
        ],
        setsid=True,
    )
    local = Local(f"http://{HOST}:{port}", accounts, folder, pid)
    try:
        _wait(local)
    except BaseException:
        stop(local)
        raise
    return local


def _accounts(folder: Path) -> tuple[Account, ...]:
    return msgspec.json.decode((folder / _ACCOUNTS).read_bytes(), type=tuple[Account, ...])


def stop(local: Local) -> None:
    """End a server and everything it started."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(local.pid, number)
        except ProcessLookupError:
            return
        for _ in range(50):
            with contextlib.suppress(ChildProcessError):
                os.waitpid(local.pid, os.WNOHANG)
            if not _alive(local.pid):
                return
            time.sleep(0.1)


def _alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _environment(folder: Path, account: Account) -> dict[str, str]:
    own = {
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder.absolute()),
        "LABEL_STUDIO_USERNAME": account.username,
        "LABEL_STUDIO_PASSWORD": account.password,
        "LABEL_STUDIO_USER_TOKEN": account.token,
    }
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "LABEL_STUDIO", "VIRTUAL_ENV"))
    }
    return {**inherited, **_QUIET, **own}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


def _checked(port: int) -> int:
    """A port that nothing listens on: the server would take the next one in silence."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise NewsgoldError(f"port {port} of {HOST} is taken by something else") from error
    return port


def _wait(local: Local, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if os.waitpid(local.pid, os.WNOHANG) != (0, 0):
            raise NewsgoldError(f"Label Studio ended by itself; see {local.folder / _LOG}")
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{local.url}/health", timeout=5):
            return
        time.sleep(0.2)
    raise NewsgoldError(f"Label Studio does not answer after {seconds:.0f} seconds; see {local.folder / _LOG}")


# ---------------------------------------------------------------- the demonstration


def demonstrate(folder: Path, corpus: Path, template: Path, port: int) -> Local:
    """Leave a server running with a corpus loaded, its gold as pre-annotations; run again, it adds what is missing.

    Raises :class:`NewsgoldError` if the port is taken by something else.
    """
    from newsgold.annotation.by_document import annotations_at, articles_at
    from newsgold.annotation.push import push
    from newsgold.annotation.server import connect
    from newsgold.corpus.labels import find_labels

    local = _left_running(folder)
    if local is None:
        local = start(folder, template=template, port=port)
        (folder / _RUNNING).write_bytes(msgspec.json.encode(_Running(local.pid, local.url)))
    gold, labels = annotations_at(corpus / "gold"), find_labels(None, corpus)
    push(connect(local.url, local.token), articles_at(corpus), labels, project=DEMO, predictions=gold)
    return local


def end_demonstration(folder: Path) -> bool:
    """Stop the server that :func:`demonstrate` left running; false if there is none. Its data stay."""
    local = _left_running(folder)
    if local is not None:
        stop(local)
    (folder / _RUNNING).unlink(missing_ok=True)
    return local is not None


def _left_running(folder: Path) -> Local | None:
    """The server of a folder, if it still runs; another process may have its number by now."""
    try:
        noted = msgspec.json.decode((folder / _RUNNING).read_bytes(), type=_Running)
        accounts = _accounts(folder)
        shown = _command(noted.pid)
    except FileNotFoundError:
        return None
    own = "label-studio" in shown and noted.url.rpartition(":")[2] in shown.split()
    return Local(noted.url, accounts, folder, noted.pid) if own else None


def _command(pid: int) -> str:
    """The command line of a process, or nothing if there is no such process."""
    if not Path("/proc/self").exists():
        shown = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return shown.stdout
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    return ""


_USAGE = """usage: python -m newsgold.annotation.local init FOLDER
       python -m newsgold.annotation.local demo FOLDER CORPUS TEMPLATE PORT
       python -m newsgold.annotation.local stop FOLDER
"""


def main(arguments: list[str]) -> int:
    """``init``: the folder of a new server, if there is none; ``demo`` and ``stop``: the demonstration."""
    try:
        match arguments:
            case ["init", folder]:
                _init(Path(folder))
            case ["demo", folder, corpus, template, port] if port.isdecimal():
                local = demonstrate(Path(folder), Path(corpus), Path(template), int(port))
                first = local.accounts[0]
                sys.stdout.write(f"Label Studio: {local.url}\n  user name: {first.username}\n  password:  {first.password}\n")
            case ["stop", folder]:
                sys.stdout.write("stopped\n" if end_demonstration(Path(folder)) else "no demonstration is running\n")
            case _:
                sys.stderr.write(_USAGE)
                return 2
    except NewsgoldError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    return 0


def _init(folder: Path) -> None:
    if not folder.exists():
        unfinished = folder.with_name(f"{folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        initialise(unfinished)
        unfinished.replace(folder)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
