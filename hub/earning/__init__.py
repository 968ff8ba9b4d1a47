"""Card spend to points: earn rules, card tokens, accruals, claw-backs, payouts and claims.

Knows banks' rules and transactions and the postings they make. Does not know HTTP, how a partner is called, or when.
"""
