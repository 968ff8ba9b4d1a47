"""Checks that lots and ledger agree, from the stored rows alone.

Run it in a transaction with one snapshot. Knows the tables of both.
"""

from typing import LiteralString

from hub.ledger import Difference
from hub.storage import Work

# Name of the rule and the query that finds what breaks it: subject, what is stored, what it should be.
RULES: tuple[tuple[str, LiteralString], ...] = (
    (
        "the lots of a membership are its balance in the ledger",
        "WITH l AS (SELECT 'member:' || unit || ':' || number AS code, sum(remaining) AS remaining, sum(held) AS held "
        "FROM hosted_lot GROUP BY unit, number), a AS (SELECT a.code, b.posted, b.held FROM ledger_account a "
        "JOIN ledger_balance b ON b.account = a.id WHERE a.code >= 'member:' AND a.code < 'member;') "
        "SELECT code, coalesce(l.remaining, 0) || ' held ' || coalesce(l.held, 0), "
        "coalesce(a.posted, 0) || ' held ' || coalesce(a.held, 0) FROM l FULL JOIN a USING (code) "
        "WHERE coalesce(l.remaining, 0) <> coalesce(a.posted, 0) OR coalesce(l.held, 0) <> coalesce(a.held, 0)",
    ),
    (
        "a lot is the sum of its moves",
        "WITH m AS (SELECT lot, sum(change) AS remaining, sum(change_held) AS held, "
        "sum(change) FILTER (WHERE kind = 'earn') AS amount FROM hosted_lot_move GROUP BY lot) "
        "SELECT coalesce(l.id, m.lot), concat_ws(' ', l.amount, l.remaining, l.held), "
        "concat_ws(' ', m.amount, m.remaining, m.held) FROM hosted_lot l FULL JOIN m ON m.lot = l.id "
        "WHERE (l.amount, l.remaining, l.held) IS DISTINCT FROM (m.amount, m.remaining, m.held)",
    ),
    (
        "a posting moved the lots by what it moved the balance",
        "WITH m AS (SELECT v.key, 'member:' || l.unit || ':' || l.number AS code, sum(v.change) AS change "
        "FROM hosted_lot_move v JOIN hosted_lot l ON l.id = v.lot GROUP BY 1, 2 HAVING sum(v.change) <> 0), "
        "e AS (SELECT p.key, a.code, sum(e.amount) AS change FROM ledger_account a "
        "JOIN ledger_entry e ON e.account = a.id JOIN ledger_posting p ON p.id = e.posting "
        "WHERE a.code >= 'member:' AND a.code < 'member;' GROUP BY 1, 2 HAVING sum(e.amount) <> 0) "
        "SELECT code || ' ' || key, coalesce(m.change, 0)::text, coalesce(e.change, 0)::text "
        "FROM m FULL JOIN e USING (key, code) WHERE m.change IS DISTINCT FROM e.change",
    ),
    (
        "a membership has its account",
        "SELECT m.id, 'no account', 'member:' || m.unit || ':' || m.number FROM hosted_membership m "
        "WHERE NOT EXISTS (SELECT FROM ledger_account a WHERE a.code = 'member:' || m.unit || ':' || m.number)",
    ),
)


def verify(work: Work) -> list[Difference]:
    """Everything in which lots and ledger differ; empty if they agree."""
    return [
        Difference(name, str(subject), str(stored), str(expected))
        for name, query in RULES
        for subject, stored, expected in work.fetch(query)
    ]
