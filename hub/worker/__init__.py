"""Door 2: the queue. Relay, consumer, pool of threads for partner calls, schedule.

Knows the broker (Kombu) and the outbox. What a message means is in the handlers that `wiring` hands in.
"""
