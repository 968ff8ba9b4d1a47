"""One line of JSON per event on standard error, with secrets blotted out before anything is written.

Knows the standard library's logging and what a secret looks like. Does not know who logs.
"""

import json
import logging
import re
import sys
from datetime import UTC, datetime

_SECRET_NAMES = re.compile(
    r"(?i)(secret|password|passwd|token|assertion|authorization|api[_-]?key|private[_-]?key|master[_-]?key|signature|cookie)"
)
_SECRET_SHAPES = re.compile(
    r"(eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*"  # a JWT
    r"|(?i:bearer|basic|dpop)\s+[A-Za-z0-9._~+/=-]{8,}"
    r"|whs[ek]c?_[A-Za-z0-9+/=]{16,}"
    r"|-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?-----END [A-Z ]*PRIVATE KEY-----"
    r"|(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"  # user:password of a URL
    r"|(?i:(?:secret|password|token|assertion)=)[^&\s\"']{4,}"
    r"|(?m:(?<=^DETAIL: ).*$|(?<=^CONTEXT: ).*$))"  # of a database's refusal: the refused row, members' numbers in it
)
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
BLOT = "[redacted]"


def redact(text: str) -> str:
    """`text` without anything that looks like a token, a key, a credential in a URL or a password parameter."""
    return _SECRET_SHAPES.sub(BLOT, text)


class JsonFormatter(logging.Formatter):
    """Renders a record as one JSON object: time, level, logger, event, and the fields given as `extra`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, no line breaks inside."""
        fields: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": redact(record.getMessage()),
        }
        for name, value in vars(record).items():
            if name in _STANDARD:
                continue
            shown = value if isinstance(value, int | bool | None) else redact(str(value))
            fields[name] = BLOT if _SECRET_NAMES.search(name) else shown
        if record.exc_info:
            fields["fault"] = redact(self.formatException(record.exc_info))
        return json.dumps(fields, ensure_ascii=False, default=str)


def start_logging(level: str) -> None:
    """Send every logger of the process to standard error as JSON lines, from `level` upwards.

    Authlib's and urllib3's debug lines print whole tokens and headers, so they stay at INFO whatever is asked.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("authlib", "urllib3", "amqp", "kombu"):
        logging.getLogger(noisy).setLevel(max(logging.INFO, root.level))
