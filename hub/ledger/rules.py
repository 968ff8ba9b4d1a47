"""What must hold between the ledger's tables, as queries that find what does not.

Each query gives one row per difference: subject, what is stored, what it should be. Hashes are checked by `reseal.py`.
"""

from typing import LiteralString

# Name of the rule and the query that finds what breaks it.
RULES: tuple[tuple[str, LiteralString], ...] = (
    (
        "a posting balances in every unit",
        "SELECT posting::text || ' ' || unit, sum(amount)::text, '0' FROM ledger_entry "
        "GROUP BY posting, unit HAVING sum(amount) <> 0",
    ),
    (
        "a unit balances over all",
        "SELECT unit, sum(amount)::text, '0' FROM ledger_entry GROUP BY unit HAVING sum(amount) <> 0",
    ),
    (
        "versions have no gaps",
        "SELECT account::text, version::text, place::text FROM (SELECT account, version, "
        "row_number() OVER (PARTITION BY account ORDER BY version) AS place FROM ledger_entry) e "
        "WHERE version <> place",
    ),
    (
        "balance after is the sum so far",
        "SELECT account::text || ' ' || version, balance_after::text, fold::text FROM (SELECT account, version, "
        "balance_after, sum(amount) OVER (PARTITION BY account ORDER BY version) AS fold FROM ledger_entry) e "
        "WHERE balance_after <> fold",
    ),
    (
        "an entry has its account's unit",
        "SELECT e.posting::text || ' ' || e.line, e.unit, a.unit FROM ledger_entry e "
        "LEFT JOIN ledger_account a ON a.id = e.account WHERE e.unit IS DISTINCT FROM a.unit",
    ),
    (
        "an entry has its posting",
        "SELECT e.posting::text, 'entry', 'posting' FROM ledger_entry e "
        "WHERE NOT EXISTS (SELECT FROM ledger_posting p WHERE p.id = e.posting)",
    ),
    (
        "a posting has all its lines",
        "SELECT p.id::text, coalesce(e.lines, 0)::text, coalesce(e.last + 1, 2)::text FROM ledger_posting p LEFT JOIN "
        "(SELECT posting, count(*) AS lines, max(line) AS last FROM ledger_entry GROUP BY posting) e "
        "ON e.posting = p.id WHERE e.lines IS NULL OR e.lines <> e.last + 1 OR mod(e.lines, 2) <> 0",
    ),
    (
        "time and period never fall along an account",
        "SELECT account::text || ' ' || version, period || ' ' || recorded_at, period_before || ' ' || recorded_before "
        "FROM (SELECT e.account, e.version, p.period, p.recorded_at, lag(p.period) OVER w AS period_before, "
        "lag(p.recorded_at) OVER w AS recorded_before FROM ledger_entry e JOIN ledger_posting p ON p.id = e.posting "
        "WINDOW w AS (PARTITION BY e.account ORDER BY e.version)) e "
        "WHERE period < period_before OR recorded_at < recorded_before",
    ),
    (
        "a balance is the fold of its entries",
        "WITH f AS (SELECT e.account, sum(e.amount) AS posted, count(*) AS version, max(p.recorded_at) AS recorded_at "
        "FROM ledger_entry e LEFT JOIN ledger_posting p ON p.id = e.posting GROUP BY e.account) "
        "SELECT account::text, concat_ws(' ', b.posted, b.version, b.recorded_at), "
        "concat_ws(' ', coalesce(f.posted, 0), coalesce(f.version, 0), f.recorded_at) "
        "FROM ledger_balance b FULL JOIN f USING (account) WHERE b.posted IS DISTINCT FROM coalesce(f.posted, 0) "
        "OR b.version IS DISTINCT FROM coalesce(f.version, 0) OR b.recorded_at IS DISTINCT FROM f.recorded_at",
    ),
    (
        "held is the sum of open holds",
        "WITH b AS (SELECT a.code, b.held FROM ledger_account a LEFT JOIN ledger_balance b ON b.account = a.id), "
        "h AS (SELECT one ->> 0 AS code, sum((one ->> 2)::numeric) AS open_held FROM ledger_hold, "
        "jsonb_array_elements(transfers) AS one WHERE state = 'pending' GROUP BY 1) "
        "SELECT code, held::text, coalesce(open_held, 0)::text FROM b FULL JOIN h USING (code) "
        "WHERE held IS DISTINCT FROM coalesce(open_held, 0)",
    ),
    (
        "a floor is its target, or what is available below it",
        "SELECT account::text, floor::text, least(floor_target, posted - held)::text FROM ledger_balance "
        "WHERE floor IS DISTINCT FROM CASE WHEN floor_target IS NOT NULL "
        "THEN least(floor_target::numeric, posted::numeric - held) END",
    ),
    (
        "a floor's target is the last one set",
        "SELECT b.account::text, b.floor_target::text, f.target::text FROM ledger_balance b LEFT JOIN LATERAL "
        "(SELECT account, target FROM ledger_floor f WHERE f.account = b.account ORDER BY number DESC LIMIT 1) f "
        "ON true WHERE f.account IS NULL OR f.target IS DISTINCT FROM b.floor_target",
    ),
    (
        "turnover is the sum of its entries",
        "SELECT concat_ws(' ', period, account, label), concat_ws(' ', t.debits, t.credits, t.count), "
        "concat_ws(' ', f.debits, f.credits, f.count) FROM ledger_turnover t FULL JOIN (SELECT p.period, e.account, "
        "coalesce(e.label, '') AS label, coalesce(-sum(e.amount) FILTER (WHERE e.amount < 0), 0) AS debits, "
        "coalesce(sum(e.amount) FILTER (WHERE e.amount > 0), 0) AS credits, count(*) AS count FROM ledger_entry e "
        "JOIN ledger_posting p ON p.id = e.posting GROUP BY 1, 2, 3) f USING (period, account, label) "
        "WHERE (t.debits, t.credits, t.count) IS DISTINCT FROM (f.debits, f.credits, f.count)",
    ),
    (
        "a hold that was posted has its posting, another one has none",
        "SELECT h.key, h.state || ' ' || coalesce(h.posted::text, '-') || ' ' || (h.ended_seal IS NOT NULL), "
        "CASE WHEN p.id IS NULL THEN 'no posting' ELSE 'posted' END FROM ledger_hold h "
        "LEFT JOIN ledger_posting p ON p.key = h.key WHERE (h.state = 'posted') <> (p.id IS NOT NULL) "
        "OR (h.state = 'posted') <> (h.posted IS NOT NULL) OR (h.state = 'pending') <> (h.ended_seal IS NULL)",
    ),
    (
        "a hold's posting has the transfers, kind, reference and metadata of the hold",
        "SELECT h.key, asked.transfers::text, made.transfers::text FROM ledger_hold h "
        "JOIN ledger_posting p ON p.key = h.key, LATERAL (SELECT jsonb_agg(jsonb_build_array(one.value -> 0, "
        "one.value -> 1, h.posted[one.ordinality], one.value -> 3) ORDER BY one.ordinality) AS transfers "
        "FROM jsonb_array_elements(h.transfers) WITH ORDINALITY AS one WHERE h.posted[one.ordinality] <> 0) asked, "
        "LATERAL (SELECT jsonb_agg(jsonb_build_array(a.code, b.code, c.amount, d.label) ORDER BY d.line) AS transfers "
        "FROM ledger_entry d JOIN ledger_entry c ON c.posting = d.posting AND c.line = d.line + 1 "
        "JOIN ledger_account a ON a.id = d.account JOIN ledger_account b ON b.id = c.account "
        "WHERE d.posting = p.id AND mod(d.line, 2) = 0) made WHERE h.state = 'posted' "
        "AND (asked.transfers, h.kind, h.reference, h.metadata) "
        "IS DISTINCT FROM (made.transfers, p.kind, p.reference, p.metadata)",
    ),
    (
        "a posting is in a period",
        "SELECT p.id::text, p.period::text, '' FROM ledger_posting p "
        "WHERE NOT EXISTS (SELECT FROM ledger_period s WHERE s.number = p.period)",
    ),
    (
        "periods follow each other",
        "SELECT number::text, opened_at::text, coalesce(closed_before, '1970-01-01T00:00:00Z')::text FROM (SELECT *, "
        "row_number() OVER w AS place, lag(closed_at) OVER w AS closed_before, lead(number) OVER w AS next "
        "FROM ledger_period WINDOW w AS (ORDER BY number)) s WHERE number <> place "
        "OR opened_at <> coalesce(closed_before, '1970-01-01T00:00:00Z') "
        "OR (closed_at IS NULL) <> (next IS NULL) OR closed_at < opened_at",
    ),
    (
        "a key has one use",
        "SELECT coalesce(k.key, u.key), (k.key IS NOT NULL)::text, coalesce(u.uses, 0)::text FROM ledger_key k "
        "FULL JOIN (SELECT key, count(*) AS uses FROM (SELECT key FROM ledger_hold UNION ALL "
        "SELECT key FROM ledger_refusal UNION ALL SELECT key FROM ledger_posting p WHERE NOT EXISTS "
        "(SELECT FROM ledger_hold h WHERE h.key = p.key)) one GROUP BY key) u ON u.key = k.key "
        "WHERE k.key IS NULL OR u.uses IS DISTINCT FROM 1",
    ),
    (
        "a reversal names what it undoes",
        "SELECT coalesce(r.key, p.key), p.reverses::text, r.posting::text FROM ledger_reversal r "
        "FULL JOIN (SELECT * FROM ledger_posting WHERE reverses IS NOT NULL) p ON p.key = r.key "
        "LEFT JOIN ledger_hold h ON h.key = r.key WHERE (p.key IS NULL AND (h.state IS NULL OR h.state = 'posted')) "
        "OR r.key IS NULL OR p.reverses <> r.posting "
        "OR NOT EXISTS (SELECT FROM ledger_posting o WHERE o.id = r.posting)",
    ),
)
