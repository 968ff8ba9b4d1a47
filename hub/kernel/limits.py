"""Every bound of the hub by name, so that no loop, queue or message is unbounded. Numbers carry unit and reason."""

# JSON integers survive every common parser only up to 2^53 - 1.
AMOUNT_WIRE_MAX = 2**53 - 1

# PostgreSQL bigint; sums beyond it are refused as `amount_overflow`.
AMOUNT_LEDGER_MAX = 2**63 - 1

# Bytes of one request body: a single request and a batch (interfaces: 256 kB and 4 MB).
BODY_BYTES_MAX = 256 * 1024
BODY_BATCH_BYTES_MAX = 4 * 1024 * 1024

# Nesting of a JSON document; ours need 6, deeper ones are an attack on the parser's stack.
JSON_DEPTH_MAX = 24

# Items of one batch request.
BATCH_ITEMS_MAX = 1_000

# Characters of an Idempotency-Key, and how long its answer is kept: a transfer may take 5 working days and a
# partner may be closed for weeks, so 30 days.
IDEMPOTENCY_KEY_CHARS_MAX = 255
IDEMPOTENCY_KEPT_DAYS = 30

# Requests that one transaction takes at most, and that may wait in one process before 503. 1,024 keeps a batch
# well under 100 ms; 4,096 waiting is about two seconds of work on two cores.
BATCH_REQUESTS_MAX = 1_024
BATCH_WAITING_MAX = 4_096

# Times a batch is repeated after a deadlock, a serialization failure or a key race before it counts as a fault.
BATCH_REPEATS_MAX = 8

# Rows of one page of a list.
PAGE_ROWS_DEFAULT = 50
PAGE_ROWS_MAX = 200

# Outbox rows that one claim takes, and one lane may have in flight at once (a slow partner must not take all
# threads of a worker).
CLAIM_ROWS_MAX = 256
LANE_IN_FLIGHT_MAX = 24

# Seconds a claimed row may be in flight before the relay publishes it again: longer than a partner call may take.
OUTBOX_LEASE_SECONDS = 60

# Deliveries of one outbox row that ended in a fault of ours before it is a dead letter for a person.
OUTBOX_FAULTS_MAX = 12

# Leases of one outbox row that run out in a row, without any answer, before it is a dead letter: it kills its worker.
OUTBOX_LAPSES_MAX = 12

# Seconds between two deliveries of one outbox row that keeps ending in a fault.
OUTBOX_BACKOFF_SECONDS_MAX = 60

# Outbox rows in flight over all workers: more than that would wait in the broker for longer than their lease.
OUTBOX_IN_FLIGHT_MAX = 2_048

# Bytes read from one partner reply; more is cut off and counts as no proof.
PARTNER_REPLY_BYTES_MAX = 256 * 1024

# Hops of a conversion plan, memberships it may be put together from, and ways that are shown; balances that one may be
# asked with; paths and combinations looked at, many times what real routes need.
PLAN_HOPS_MAX = 3
PLAN_PARTS_MAX = 3
PLAN_WAYS_MAX = 5
PLAN_HOLDINGS_MAX = 20
PLAN_PATHS_MAX = 200
PLAN_TRIES_MAX = 1_000

# Blocks of a piecewise rate.
RATE_BLOCKS_MAX = 16

# Transfers of one posting: a posting is decided as a whole, and an accrual chunk needs a few dozen at most.
POSTING_TRANSFERS_MAX = 1_000

# Characters of a ledger key, code, unit, kind, label or reference: four bytes each must fit into one index row of
# PostgreSQL (2,704 bytes); and of all of a posting's metadata together.
LEDGER_TEXT_CHARS_MAX = 500
LEDGER_METADATA_CHARS_MAX = 16_384

# Rows of one page of entries or postings read by settlement and reports.
LEDGER_PAGE_ROWS_MAX = 10_000

# Conversions of one member in what it is handed as its own data: years of daily ones; it says so if there are more.
EXPORT_CONVERSIONS_MAX = 5_000
