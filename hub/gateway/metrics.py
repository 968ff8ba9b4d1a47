"""What is counted about HTTP, for Prometheus.

Knows requests by method, route and status, and how long they took. With several server processes each writes to files
in PROMETHEUS_MULTIPROC_DIR and any of them answers for all.
"""

import os

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest, values
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from hub.outbox.service import Backlog
from hub.webhooks.types import Pending

_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics:
    """The counters of one application."""

    content_type = CONTENT_TYPE_LATEST

    def __init__(self) -> None:
        self._shared = os.environ.get("PROMETHEUS_MULTIPROC_DIR", "")
        if self._shared:
            # The library chooses when it is imported, which may have been in the parent, before the folder was named.
            values.ValueClass = values.MultiProcessValue()  # type: ignore[no-untyped-call]
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "hub_http_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self._seconds = Histogram(
            "hub_http_request_seconds", "Time to answer.", ["route"], buckets=_BUCKETS, registry=self._registry
        )
        self._unproven = Counter(
            "hub_notifications_refused",
            "Notifications that were not taken.",
            ["partner", "code"],
            registry=self._registry,
        )
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def observe(self, method: str, route: str, status: int, nanoseconds: int) -> None:
        """Count one answered request."""
        known = self._known.get((method, route, status))
        if known is None:
            name = method if method in _METHODS else "other"
            known = (self._requests.labels(name, route, str(status)), self._seconds.labels(route))
            if name != "other":
                self._known[(method, route, status)] = known
        known[0].inc()
        known[1].observe(nanoseconds / 1_000_000_000)

    def refuse_notification(self, partner: str, code: str) -> None:
        """Count one that was not taken. partner: `unknown` for none of ours."""
        self._unproven.labels(partner, code).inc()

    def render(self, backlog: Backlog, pending: Pending) -> bytes:
        """Everything in Prometheus' text form, of all processes where they share a folder."""
        registry = CollectorRegistry()
        if self._shared:
            MultiProcessCollector(registry, self._shared)  # type: ignore[no-untyped-call]
        counted = generate_latest(registry if self._shared else self._registry)
        return counted + generate_latest(_waiting(backlog, pending))


def _waiting(backlog: Backlog, pending: Pending) -> CollectorRegistry:
    """Gauges read from the database when asked; never written to the shared folder."""
    registry = CollectorRegistry()
    gauge = _Reading("hub_outbox_messages", "Messages in the outbox by state.", registry)
    for state, count in (
        ("due", backlog.due),
        ("in_flight", backlog.in_flight),
        ("later", backlog.later),
        ("dead", backlog.dead),
    ):
        gauge.add(state, count)
    deliveries = _Reading("hub_webhook_deliveries", "Deliveries that have not arrived, by state.", registry)
    deliveries.add("waiting", pending.waiting)
    deliveries.add("parked", pending.parked)
    _Reading("hub_webhook_endpoints", "Endpoints that are not sent to, by state.", registry).add(
        "disabled", pending.endpoints_disabled
    )
    return registry


class _Reading(Collector):
    """A gauge whose values are known at the moment of reading."""

    def __init__(self, name: str, help_text: str, registry: CollectorRegistry) -> None:
        self._family = GaugeMetricFamily(name, help_text, labels=["state"])
        registry.register(self)

    def add(self, state: str, count: int) -> None:
        """One line of it."""
        self._family.add_metric([state], count)

    def collect(self) -> list[GaugeMetricFamily]:
        """What Prometheus' registry asks for."""
        return [self._family]
