"""Whether a secret that a test made shows anywhere it must not: log lines, problem bodies, and rows that people read.

Watches the whole run from one place: every random secret and every signed token is remembered when it is made, every
log record is rendered as the hub renders it, and both are compared after each test.
"""

import base64
import logging
import re
import secrets
import threading
from collections.abc import Callable
from typing import Any

from joserfc import jwt

from hub.kernel.log import JsonFormatter
from hub.storage import Database

# Shorter ones are nonces and parts of file names.
_BYTES_MIN = 16
_RUN = re.compile(r"[A-Za-z0-9_+/=.-]{16,}")

# Longer ones are signed tokens, which stand alone or behind an equals sign.
_WINDOW_CHARS_MAX = 128

# Their debugging lines are never switched on in production (`hub.kernel.log.start_logging`).
_NOISY = ("authlib", "urllib3", "amqp", "kombu", "faker", "hypothesis", "schemathesis")

# What operators, partners and auditors are shown rows of, or what is kept for long.
READ_BY_PEOPLE = (
    "audit_entry",
    "idempotency_keys",
    "leg_attempt",
    "outbox_message",
    "webhook_attempt",
    "webhook_delivery",
    "webhook_event",
)


class Leaks:
    """Remembers secrets and texts, and finds the ones in the others."""

    def __init__(self) -> None:
        self._secrets: set[str] = set()
        self._lengths: set[int] = set()
        self._texts: list[tuple[str, str]] = []
        self._pending: dict[int, logging.LogRecord] = {}
        self._lock = threading.Lock()
        self._formatter = JsonFormatter()

    def remember(self, secret: str) -> None:
        """This text must show nowhere."""
        with self._lock:
            self._secrets.add(secret)
            if len(secret) <= _WINDOW_CHARS_MAX:
                self._lengths.add(len(secret))

    def remember_bytes(self, secret: bytes) -> None:
        """Nor this one, in any of the ways in which bytes are written."""
        plain = base64.b64encode(secret).decode()
        for text in (secret.hex(), plain, plain.rstrip("="), base64.urlsafe_b64encode(secret).rstrip(b"=").decode()):
            self.remember(text)

    def show(self, place: str, text: str) -> None:
        """Somebody can read this text there."""
        with self._lock:
            self._texts.append((place, text))

    def record(self, record: logging.LogRecord) -> None:
        """A log record was made; it is rendered when the thread makes its next one, since it is not complete yet."""
        if str(record.name).startswith(_NOISY) and record.levelno < logging.INFO:
            return
        before = self._pending.get(threading.get_ident())
        self._pending[threading.get_ident()] = record
        if before is not None:
            self._render(before)

    def found(self) -> list[str]:
        """One sentence for each text since the last time that shows a secret; the secret itself is not repeated."""
        while self._pending:
            self._render(self._pending.popitem()[1])
        with self._lock:
            texts, self._texts = self._texts, []
        return [f"a secret shows in {place}: {_around(text, hit)}" for place, text in texts if (hit := self._in(text))]

    def _render(self, record: logging.LogRecord) -> None:
        self.show(f"the log, by {record.name} at {record.pathname}:{record.lineno}", self._formatter.format(record))

    def _in(self, text: str) -> str:
        """A secret that the text shows; empty for none."""
        for run in _RUN.findall(text):
            for part in (run, run.rpartition("=")[2], run.rstrip(".=")):
                if part in self._secrets:
                    return str(part)
            for length in self._lengths:
                for start in range(len(run) - length + 1):
                    if run[start : start + length] in self._secrets:
                        return str(run[start : start + length])
        return ""


def _around(text: str, secret: str) -> str:
    at = text.index(secret)
    return f"{text[max(0, at - 80) : at]}[...]{text[at + len(secret) : at + len(secret) + 80]}"


LEAKS = Leaks()


def listen() -> None:
    """Begin to watch this process: what makes secrets goes on making them, and is overheard."""
    _overhear(vars(secrets), "token_urlsafe", LEAKS.remember)
    _overhear(vars(secrets), "token_bytes", LEAKS.remember_bytes)
    _overhear(vars(jwt), "encode", LEAKS.remember)
    make = logging.getLogRecordFactory()

    def factory(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = make(*args, **kwargs)
        LEAKS.record(record)
        return record

    logging.setLogRecordFactory(factory)


def _overhear(module: dict[str, Any], name: str, told: Callable[[Any], None]) -> None:
    original = module[name]

    def overheard(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        if len(made) >= _BYTES_MIN:
            told(made)
        return made

    module[name] = overheard


def look_into(database: Database) -> None:
    """What lies in the tables that people read."""
    with database.read() as work:
        for table in READ_BY_PEOPLE:
            for (row,) in work.fetch(f"SELECT t::text FROM {table} AS t"):  # type: ignore[arg-type]
                LEAKS.show(f"a row of {table}", row)
