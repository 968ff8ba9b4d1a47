"""Hosted programmes: the hub keeps the balances of brands that have no system of their own, lot by lot.

Knows memberships, lots, their dates, and the ledger accounts that stand for them. Does not know conversions, HTTP or
where a programme's rules come from.
"""
