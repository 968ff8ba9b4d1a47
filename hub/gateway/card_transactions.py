"""`/v1/card-transactions`: settled card transactions of a bank, up to 1,000 at a time, with one answer each.

A transaction's own id makes it safe to send again, so no Idempotency-Key is asked for.
"""

from flask import Flask, request

from hub.access.scopes import Scope
from hub.earning import service as earning
from hub.gateway.door import Door
from hub.gateway.parsing import json_body, loaded
from hub.gateway.rendering import compact
from hub.gateway.replies import Reply, json_reply
from hub.gateway.spend_rendering import item_view
from hub.kernel.limits import BODY_BATCH_BYTES_MAX
from schemas.spend import CardTransactionsRequest

_BATCH = CardTransactionsRequest()
LINES = "application/x-ndjson"


class CardTransactionRoutes:
    """One route."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def register(self, app: Flask) -> None:
        """Add the route."""
        path = "/v1/card-transactions"
        app.add_url_rule(path, view_func=self.take, methods=["POST"], provide_automatic_options=False)

    def take(self) -> Reply:
        """Take transactions; a line for each to whoever accepts lines, one document to everybody else."""
        principal = self._door.for_partner(Scope.SPEND_WRITE)
        items = loaded(_BATCH, json_body(bytes_max=BODY_BATCH_BYTES_MAX))["items"]
        assert isinstance(items, list)
        self._door.pace(principal, len(items) - 1)
        rows, malformed = earning.rows_of(items)
        services = self._door.services
        results = earning.receive(
            services.database,
            services.clock,
            rows,
            malformed,
            bank=principal.partner,
            live=principal.live,
            source=f"client:{principal.client_id}",
        )
        views = [item_view(one) for one in results]
        if LINES in request.environ.get("HTTP_ACCEPT", ""):
            return Reply("".join(f"{compact(one)}\n" for one in views).encode(), 200, LINES)
        return json_reply({"data": views})
