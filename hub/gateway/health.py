"""Whether this process lives, whether it can work, and what it counted."""

from collections.abc import Callable
from typing import TypeVar

from flask import Flask

from hub.gateway.door import Door
from hub.gateway.replies import Reply, json_reply
from hub.outbox.service import Backlog, backlog
from hub.storage import Work
from hub.webhooks import service as webhooks
from hub.webhooks.types import Pending

Found = TypeVar("Found")


class HealthRoutes:
    """`/healthz`, `/readyz`, `/metrics`: for machines that look after machines; without a token."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the routes."""
        app.add_url_rule("/healthz", view_func=self.alive, methods=["GET"], provide_automatic_options=False)
        app.add_url_rule("/readyz", view_func=self.ready, methods=["GET"], provide_automatic_options=False)
        app.add_url_rule("/metrics", view_func=self.metrics, methods=["GET"], provide_automatic_options=False)

    def alive(self) -> Reply:
        """It answers, so it lives."""
        return json_reply({"status": "alive"})

    def ready(self) -> Reply:
        """Database, broker and how long the oldest message waits; 503 if any of them is not right."""
        services = self._door.services
        waiting = self._backlog()
        lag = 0
        if waiting is not None and waiting.oldest_due_at is not None:
            lag = max(0, int((services.clock.now() - waiting.oldest_due_at).total_seconds()))
        checks = {
            "database": waiting is not None,
            "broker": _answers(services.broker_answers),
            "lag": lag <= services.lag_seconds_max,
        }
        ready = all(checks.values())
        shown = {name: "ok" if good else "failing" for name, good in checks.items()}
        body = {"status": "ready" if ready else "not_ready", "checks": shown, "lag_seconds": lag}
        response = json_reply(body, 200 if ready else 503)
        if not ready:
            response.add("Retry-After", "5")
        return response

    def metrics(self) -> Reply:
        """Prometheus' text form."""
        waiting = self._backlog() or Backlog(due=0, in_flight=0, later=0, dead=0, oldest_due_at=None)
        pending = self._pending() or Pending()
        return Reply(self._door.metrics.render(waiting, pending), 200, self._door.metrics.content_type)

    def _backlog(self) -> Backlog | None:
        return self._read(lambda work: backlog(work, now=self._door.services.clock.now()))

    def _pending(self) -> Pending | None:
        return self._read(webhooks.pending)

    def _read(self, reading: Callable[[Work], Found]) -> Found | None:
        """None when the database does not answer; whatever the reason, that is the finding."""
        try:
            with self._door.services.database.read() as work:
                return reading(work)
        except Exception:
            return None


def _answers(probe: Callable[[], bool]) -> bool:
    """What the probe says; a probe that fails says no."""
    try:
        return probe()
    except Exception:
        return False
