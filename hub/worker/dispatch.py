"""Hands one delivery to its handler and writes down what became of it when the handler did not.

Knows outcomes and the outbox row. Does not know where the delivery came from: the queue, or straight from the database.
"""

import logging
import time
from datetime import timedelta
from enum import StrEnum

from hub import outbox
from hub.kernel.clock import Clock
from hub.kernel.errors import Overloaded
from hub.kernel.log import redact
from hub.outbox import Delivery
from hub.storage import Database
from hub.worker import metrics
from hub.worker.handling import Handlers

_log = logging.getLogger(__name__)


class Outcome(StrEnum):
    """What became of a delivery."""

    HANDLED = "handled"
    """The handler returned; it marked the row itself."""
    OVERLOADED = "overloaded"
    """The hub has too much to do; the row comes back soon and no fault is counted."""
    FAULTED = "faulted"
    """The handler raised; the row comes back with a doubled wait."""
    BURIED = "buried"
    """The handler raised once too often; a person must look at it."""
    UNKNOWN = "unknown"
    """There is no handler for its kind; a person must look at it."""


def dispatch(database: Database, handlers: Handlers, delivery: Delivery, clock: Clock) -> Outcome:
    """Let the handler act, and postpone or bury the row in a transaction of its own if it raised.

    Only an `Exception` is a fault. Anything harder, such as a simulated crash, passes through and touches nothing,
    exactly as if the process had died. Raises whatever the database raises while the outcome is written.
    """
    handler = handlers.get(delivery.kind)
    if handler is None:
        _log.error("message of an unknown kind buried", extra={"message_id": delivery.id, "kind": delivery.kind})
        with database.work() as work:
            outbox.bury(work, [delivery.id], reason=f"no handler for {delivery.kind!r}", now=clock.now())
        return _counted("unknown", Outcome.UNKNOWN)
    started = time.perf_counter()
    try:
        handler(delivery)
    except Exception as fault:
        return faulted(database, delivery, fault, clock)
    return handled(delivery, time.perf_counter() - started)


def handled(delivery: Delivery, seconds: float) -> Outcome:
    """Count a delivery whose handler marked the row itself. seconds: what it took."""
    metrics.handling_seconds.labels(delivery.kind).observe(seconds)
    return _counted(delivery.kind, Outcome.HANDLED)


def faulted(database: Database, delivery: Delivery, fault: Exception, clock: Clock) -> Outcome:
    """Postpone or bury the row of a delivery whose handler raised. Raises whatever the database raises."""
    if isinstance(fault, Overloaded):
        return _counted(delivery.kind, _postpone(database, delivery, fault, clock))
    _log.error("handler faulted", extra=_facts(delivery), exc_info=fault)
    return _counted(delivery.kind, _record(database, delivery, fault, clock))


def _postpone(database: Database, delivery: Delivery, refusal: Overloaded, clock: Clock) -> Outcome:
    seconds = refusal.facts.get("retry_after_seconds")
    wait = timedelta(seconds=seconds if isinstance(seconds, int) else 1)
    with database.work() as work:
        outbox.postpone(work, [(delivery.id, clock.now() + wait)], reason=refusal.code)
    return Outcome.OVERLOADED


def _record(database: Database, delivery: Delivery, fault: Exception, clock: Clock) -> Outcome:
    reason = f"{type(fault).__name__}: {redact(str(fault).partition(chr(10))[0])[:300]}"
    with database.work() as work:
        buried = outbox.record_fault(work, [delivery.id], reason=reason, now=clock.now())
    return Outcome.BURIED if buried else Outcome.FAULTED


def _facts(delivery: Delivery) -> dict[str, object]:
    return {"message_id": delivery.id, "kind": delivery.kind, "subject": delivery.subject, "trace": delivery.trace}


def _counted(kind: str, outcome: Outcome) -> Outcome:
    metrics.handled.labels(kind, outcome.value).inc()
    return outcome
