"""Whether the broker can be reached right now; for readiness, from any process."""

from kombu import Connection
from kombu.exceptions import OperationalError

_TIMEOUT_SECONDS = 2


def broker_answers(url: str) -> bool:
    """Open and close a connection; False when that fails. `memory://` lives inside the worker and always answers."""
    if url.startswith("memory://"):
        return True
    try:
        with Connection(url, connect_timeout=_TIMEOUT_SECONDS) as connection:
            connection.connect()
            return bool(connection.connected)
    except (OSError, OperationalError):
        return False
