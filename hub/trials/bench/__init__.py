"""Measurements: each figure beside a baseline taken in the same run on the same machine.

Knows how to measure and what the goals are. A figure without its method is no figure, so each carries it.
"""

from collections.abc import Callable

from hub.trials.bench.accepting import measure_accepting
from hub.trials.bench.authenticating import measure_authenticating
from hub.trials.bench.closing import measure_closing
from hub.trials.bench.exchanging import measure_exchanging
from hub.trials.bench.expiring import measure_expiring
from hub.trials.bench.figures import Figure
from hub.trials.bench.planning import measure_planning
from hub.trials.bench.posting import measure_posting
from hub.trials.bench.spending import measure_spending
from hub.trials.bench.webhooks import measure_webhooks

# Names of the figures that a measurement gives, and the measurement; in the order of the table.
MEASUREMENTS: tuple[tuple[tuple[str, ...], Callable[[Callable[[str], None]], list[Figure]]], ...] = (
    (("accept_http", "accept_http_batch"), measure_accepting),
    (("authentication",), measure_authenticating),
    (("plans",), measure_planning),
    (("ledger_post",), measure_posting),
    (("close_window",), measure_closing),
    (("hosted_expiry",), measure_expiring),
    (("files_million",), measure_exchanging),
    (("spend_million", "spend_http"), measure_spending),
    (("webhooks", "webhooks_sick"), measure_webhooks),
)
