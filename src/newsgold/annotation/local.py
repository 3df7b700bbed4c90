"""A Label Studio server of one's own on this machine: set up, started, stopped.

For the demonstration and the tests. The server lives in a venv of its own,
because it pins libraries that ours cannot share (``make label-studio``). A
server is a folder with its database, its log and its accounts; an empty one
takes half a minute to fill, a copy of a filled one starts in four seconds.

    python -m newsgold.annotation.local init FOLDER

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
    accounts = msgspec.json.decode((folder / _ACCOUNTS).read_bytes(), type=tuple[Account, ...])
    port = _free_port() if port is None else _checked(port)
    command = [str(executable()), "start", "-b", "--internal-host", HOST, "-p", str(port), "--enable-legacy-api-token"]
    log = folder / _LOG
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            env={**_environment(folder, accounts[0]), **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    local = Local(f"http://{HOST}:{port}", accounts, folder, process.pid)
    try:
        _wait(local, process)
    except BaseException:
        stop(local)
        raise
    return local


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


def _wait(local: Local, process: subprocess.Popen[bytes], seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise NewsgoldError(f"Label Studio ended by itself; see {local.folder / _LOG}")
        with contextlib.suppress(urllib.error.URLError, OSError), urllib.request.urlopen(f"{local.url}/health", timeout=5):
            return
        time.sleep(0.2)
    raise NewsgoldError(f"Label Studio does not answer after {seconds:.0f} seconds; see {local.folder / _LOG}")


def main(arguments: list[str]) -> int:
    """``init FOLDER``: the folder of a new server, or nothing if it is there."""
    if len(arguments) != 2 or arguments[0] != "init":
        sys.stderr.write("usage: python -m newsgold.annotation.local init FOLDER\n")
        return 2
    folder = Path(arguments[1])
    if not folder.exists():
        unfinished = folder.with_name(f"{folder.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        initialise(unfinished)
        unfinished.replace(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
