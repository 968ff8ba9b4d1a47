"""A small application for the tests of the server: slow on request, and counted."""

import os
import time

from flask import Flask, request

from hub.gateway.metrics import Metrics
from hub.outbox.service import Backlog
from hub.webhooks.types import Pending


def wsgi() -> Flask:
    """Built in each serving process."""
    app = Flask("small")
    metrics = Metrics()

    @app.get("/")
    def slow() -> str:
        metrics.observe("GET", "/", 200, 1_000)
        time.sleep(int(request.args.get("ms", "0")) / 1_000)
        return str(os.getpid())

    @app.get("/metrics")
    def counted() -> bytes:
        return metrics.render(Backlog(0, 0, 0, 0, None), Pending())

    return app
