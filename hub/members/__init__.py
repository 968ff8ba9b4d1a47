"""Hub members and their links to memberships at partners.

Knows who is linked to which membership and how that was proven. Does not know conversions or the ledger.
"""
