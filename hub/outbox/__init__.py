"""Messages written with the data they announce; the outbox is the hub's job table.

A row is written in the transaction of what it announces, claimed by a relay, carried by the queue, and marked done
by its consumer in the same transaction as the effect. The row alone keeps the retry clock. Knows rows, lanes and
leases. Does not know the broker or what a message means.
"""

from hub.outbox.service import (
    QUEUES,
    Backlog,
    DeadLetter,
    Delivery,
    Message,
    announce,
    ask_for_effect,
    backlog,
    bury,
    claim,
    claim_for_effect,
    claim_lane,
    dead_letters,
    done,
    give_back,
    in_flight,
    next_due,
    next_lapse,
    postpone,
    prune,
    record_fault,
    revive,
)

__all__ = [
    "QUEUES",
    "Backlog",
    "DeadLetter",
    "Delivery",
    "Message",
    "announce",
    "ask_for_effect",
    "backlog",
    "bury",
    "claim",
    "claim_for_effect",
    "claim_lane",
    "dead_letters",
    "done",
    "give_back",
    "in_flight",
    "next_due",
    "next_lapse",
    "postpone",
    "prune",
    "record_fault",
    "revive",
]
