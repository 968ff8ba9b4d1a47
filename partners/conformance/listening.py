"""Everything that is logged, printed or answered while a brand is on trial, and whether a secret is in it.

Knows secrets and the forms in which they leak. Does not know why anything was said.
"""

import base64
import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from urllib.parse import quote, quote_plus

from partners.base import Connection

# Lines of a key in PEM that are shorter are headers and padding, no secret.
_PEM_LINE_CHARS_MIN = 24
# Libraries below the adapter, whose own lines name addresses at the lowest level.
_BELOW = ("urllib3", "requests")


class _Lines(logging.Handler):
    def __init__(self, ear: "Ear") -> None:
        super().__init__(logging.DEBUG)
        self._ear = ear

    def emit(self, record: logging.LogRecord) -> None:
        fault = logging.Formatter().formatException(record.exc_info) if record.exc_info else ""
        line = f"{record.getMessage()} {vars(record)} {fault}"
        self._ear.logged.append(line)
        if not record.name.startswith(_BELOW):
            self._ear.own.append(line)


class Ear:
    """What was heard so far. logged: every line and every extra field. own: those of the adapter and its session.

    printed: standard output and error. tokens: access tokens that calls carried.
    """

    def __init__(self) -> None:
        self.logged: list[str] = []
        self.own: list[str] = []
        self.printed: list[str] = []
        self.answered: list[str] = []
        self.tokens: set[str] = set()

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear everything that anything says meanwhile, from the lowest level on."""
        root, handler, out = logging.getLogger(), _Lines(self), io.StringIO()
        level = root.level
        root.addHandler(handler)
        root.setLevel(logging.DEBUG)
        try:
            with redirect_stdout(out), redirect_stderr(out):
                yield
        finally:
            root.setLevel(level)
            root.removeHandler(handler)
            if out.getvalue():
                self.printed.append(out.getvalue())

    def hidden(self, connection: Connection) -> set[str]:
        """Every text that must not be said: secrets as they are, escaped, encoded, and line by line; and tokens."""
        found: set[str] = set(self.tokens)
        for name, secret in connection.secrets.items():
            if not secret or "public" in name or name.endswith("_id"):
                continue
            if "\n" in secret:
                found |= {
                    line for line in secret.splitlines() if len(line) >= _PEM_LINE_CHARS_MIN and "-----" not in line
                }
                continue
            basic = base64.b64encode(f"{connection.client_id}:{secret}".encode()).decode()
            found |= {secret, quote(secret, safe=""), quote_plus(secret), basic}
        return {text for text in found if text}
