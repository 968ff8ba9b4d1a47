"""Runs the embedded PostgreSQL and stops it when nobody uses it any more. A script of its own, standard library only.

Started by `embedded.py` in a session of its own. Every process that uses the server holds a shared lock on
`users.lock`; the kernel gives it back however that process ends, `kill -9` included. When the keeper gets that lock
exclusively, nobody is left and it stops the server. If the server dies, the keeper starts it again and PostgreSQL
recovers from its log.
"""

import ctypes
import fcntl
import json
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

_POLL_SECONDS = 0.1
_START_SECONDS_MAX = 60
_RESTARTS_MAX = 20
_CAP_DAC_OVERRIDE = 1
_CAP_DAC_READ_SEARCH = 2
_PR_SET_KEEPCAPS = 8
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAPABILITY_VERSION_3 = 0x20080522


def main(folder: Path, binaries: Path) -> int:
    """Keep the server of `folder` running until its last user is gone. 0 unless it could not be started."""
    keeper_lock = os.open(folder / "keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(keeper_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return 0  # another keeper is at work
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)  # only the users decide when it ends
    users_lock = os.open(folder / "users.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    data = folder / "data"
    become = _identity(folder, binaries)
    _prepare(folder, data, binaries, become)
    restarts = 0
    server = _start(folder, data, binaries, become)
    while True:
        if _nobody_left(users_lock):
            (folder / "ready.json").unlink(missing_ok=True)
            _stop(server)
            _remove_temporary_sockets(folder)
            return 0
        if server.poll() is not None:
            (folder / "ready.json").unlink(missing_ok=True)
            restarts += 1
            if restarts > _RESTARTS_MAX:
                return 1
            server = _start(folder, data, binaries, become)
        time.sleep(_POLL_SECONDS)


def _nobody_left(users_lock: int) -> bool:
    try:
        fcntl.flock(users_lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _identity(folder: Path, binaries: Path) -> Callable[[], None] | None:
    """What a child does before it becomes PostgreSQL, which refuses to run as root; None when we are not root.

    Root steps down to an account without rights. That account owns the database's folder and nothing else. Where a
    parent folder is closed to it, the child keeps the one capability that lets it pass, rather than any folder that is
    not the hub's being opened.
    """
    if os.geteuid() != 0:
        return None
    account = pwd.getpwnam(os.environ.get("HUB_EMBEDDED_ACCOUNT", "nobody"))
    os.chown(folder, account.pw_uid, account.pw_gid)
    for kept in (None, _CAP_DAC_READ_SEARCH, _CAP_DAC_OVERRIDE):
        become = _stepping_down(account.pw_uid, account.pw_gid, kept)
        probe = [str(binaries / "postgres"), "--version"]
        try:
            arrive = _then_enter(become, folder)
            if subprocess.run(probe, preexec_fn=arrive, capture_output=True, check=False).returncode == 0:
                return become
        except (subprocess.SubprocessError, OSError):
            continue
    raise SystemExit(
        f"The account {account.pw_name!r} cannot reach {folder}. Set HUB_DATA_DIR to a folder it can reach, "
        "run the hub as an ordinary user, or name a server in HUB_DATABASE_URL."
    )


def _then_enter(become: Callable[[], None], folder: Path) -> Callable[[], None]:
    def act() -> None:
        become()
        os.chdir(folder)

    return act


def _stepping_down(uid: int, gid: int, kept: int | None) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)

    class Header(ctypes.Structure):
        _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))

    class Data(ctypes.Structure):
        _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))

    def act() -> None:
        if kept is not None:
            libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0)
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
        os.umask(0o077)
        if kept is not None:
            bit = 1 << kept
            sets = (Data * 2)(Data(bit, bit, bit), Data(0, 0, 0))
            if libc.capset(ctypes.byref(Header(_CAPABILITY_VERSION_3, 0)), ctypes.byref(sets)) != 0:
                raise OSError(ctypes.get_errno(), "capset")
            if libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, kept, 0, 0) != 0:
                raise OSError(ctypes.get_errno(), "prctl")

    return act


def _prepare(folder: Path, data: Path, binaries: Path, become: Callable[[], None] | None) -> None:
    """Create the cluster once. An interrupted first start leaves `data.new` behind, which is begun again."""
    if (data / "PG_VERSION").exists():
        return
    fresh = folder / "data.new"
    if fresh.exists():
        shutil.rmtree(fresh)
    passwords = {"superuser": secrets.token_urlsafe(24), "hub": secrets.token_urlsafe(24)}
    password_file = folder / "superuser.password"
    password_file.touch(mode=0o600)
    password_file.write_text(passwords["superuser"])
    if become is not None:
        owner = folder.stat()
        os.chown(password_file, owner.st_uid, owner.st_gid)
    arguments = [
        str(binaries / "initdb"), "-D", str(fresh), "-U", "postgres", f"--pwfile={password_file}", "--encoding=UTF8",
        "--locale=C", "--auth=scram-sha-256", "--data-checksums", "--no-instructions",
    ]  # fmt: skip
    done = subprocess.run(arguments, preexec_fn=become, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"initdb failed: {done.stderr[-800:]}")
    settings = {
        "listen_addresses": "''",  # no TCP at all: only its socket, in a folder of its owner's
        "unix_socket_permissions": "0700",
        "max_connections": "120",
        "shared_buffers": "'160MB'",
        "max_wal_size": "'2GB'",
        "checkpoint_timeout": "'10min'",
        "wal_compression": "on",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "jit": "off",
    }
    with (fresh / "postgresql.conf").open("a", encoding="utf-8") as conf:
        conf.writelines(f"{name} = {value}\n" for name, value in settings.items())
    secret = folder / "hub.password"
    secret.touch(mode=0o600)
    secret.write_text(passwords["hub"])
    fresh.rename(data)


def _start(folder: Path, data: Path, binaries: Path, become: Callable[[], None] | None) -> "_Server":
    """Start PostgreSQL, or adopt the one that a killed keeper left running, and write `ready.json` once it answers."""
    sockets = _socket_folder(folder)
    deadline = time.monotonic() + _START_SECONDS_MAX
    adopted = _running_pid(data)
    server = _Server(adopted, None)
    extra = json.loads(os.environ.get("HUB_EMBEDDED_SETTINGS", "{}"))
    options = [part for name, value in extra.items() for part in ("-c", f"{name}={value}")]
    while time.monotonic() < deadline:
        if server.poll() is not None:
            with (folder / "server.log").open("ab") as log:
                process = subprocess.Popen(
                    [str(binaries / "postgres"), "-D", str(data), "-k", str(sockets), *options],
                    preexec_fn=become, stdin=subprocess.DEVNULL, stdout=log, stderr=log, close_fds=True,
                )  # fmt: skip
            server = _Server(process.pid, process)
        if _accepts_logins(data, server.pid):
            partial = folder / "ready.json.new"
            partial.write_text(json.dumps({"socket_dir": str(sockets), "pid": server.pid}))
            partial.rename(folder / "ready.json")
            return server
        time.sleep(0.05)
    raise SystemExit(f"PostgreSQL did not start in {_START_SECONDS_MAX} s; see {folder / 'server.log'}")


def _socket_folder(folder: Path) -> Path:
    """A folder only its owner enters.

    Socket paths end at 107 bytes, so a deep data folder gets one in the temporary folder.
    """
    if len(str(folder)) <= 80:
        sockets = folder / "socket"
        sockets.mkdir(mode=0o700, exist_ok=True)
    else:
        noted = folder / "socket_dir"
        sockets = Path(noted.read_text()) if noted.exists() else Path()
        if not noted.exists() or not sockets.is_dir() or sockets.stat().st_uid != folder.stat().st_uid:
            sockets = Path(tempfile.mkdtemp(prefix="hub-"))
            noted.write_text(str(sockets))
    owner = folder.stat()
    if os.geteuid() == 0:
        os.chown(sockets, owner.st_uid, owner.st_gid)
    return sockets


def _remove_temporary_sockets(folder: Path) -> None:
    noted = folder / "socket_dir"
    if noted.exists():
        shutil.rmtree(noted.read_text(), ignore_errors=True)
        noted.unlink()


def _accepts_logins(data: Path, pid: int | None) -> bool:
    """Whether that postmaster is past recovery: it says so in the eighth line of its pid file (storage.sgml)."""
    try:
        lines = (data / "postmaster.pid").read_text().splitlines()
    except OSError:
        return False
    return len(lines) >= 8 and lines[0] == str(pid) and lines[7].strip() == "ready"


def _running_pid(data: Path) -> int | None:
    """The postmaster that is at work on `data`, if any."""
    try:
        pid = int((data / "postmaster.pid").read_text().splitlines()[0])
        command = Path(f"/proc/{pid}/cmdline").read_bytes() if Path("/proc").is_dir() else b"postgres"
        os.kill(pid, 0)
    except (OSError, ValueError, IndexError):
        return None
    return pid if b"postgres" in command else None


class _Server:
    """A postmaster: our child, or one that was adopted."""

    def __init__(self, pid: int | None, process: "subprocess.Popen[bytes] | None") -> None:
        self.pid = pid
        self.process = process

    def poll(self) -> int | None:
        """None while it runs."""
        if self.process is not None:
            return self.process.poll()
        if self.pid is None:
            return 1
        try:
            os.kill(self.pid, 0)
        except OSError:
            return 1
        return None


def _stop(server: _Server) -> None:
    """Fast shutdown: clients are dropped, everything committed is kept; immediate after 20 s."""
    for sign, seconds in ((signal.SIGINT, 20), (signal.SIGQUIT, 10)):
        if server.pid is None or server.poll() is not None:
            return
        try:
            os.kill(server.pid, sign)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + seconds
        while server.poll() is None and time.monotonic() < deadline:
            time.sleep(0.02)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
