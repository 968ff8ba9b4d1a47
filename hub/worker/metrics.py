"""What the worker counts, for Prometheus. Labels are bounded: names of queues, kinds that have a handler, outcomes."""

from prometheus_client import Counter, Histogram

published = Counter("hub_outbox_published_total", "Messages the broker confirmed", ["queue"])
unconfirmed = Counter("hub_outbox_unconfirmed_total", "Messages that were refused, returned or not confirmed in time")
handled = Counter("hub_worker_handled_total", "Deliveries by outcome", ["kind", "outcome"])
undecodable = Counter("hub_worker_undecodable_total", "Messages nobody can read, set aside")
webhooks = Counter("hub_webhook_attempts_total", "Attempts to deliver an event", ["outcome"])
webhook_seconds = Histogram(
    "hub_webhook_seconds", "Time a receiver took", buckets=(0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15)
)
reconnects = Counter("hub_worker_reconnects_total", "Connections to the broker that were lost or refused", ["part"])
handling_seconds = Histogram(
    "hub_worker_handling_seconds",
    "Time a handler took",
    ["kind"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
)
notifications = Counter("hub_notifications_total", "Notifications of partners by what became of them", ["kind", "fate"])
