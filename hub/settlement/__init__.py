"""Settlement: windows between cut-offs, what each partner owes or is owed for one, and its discharge.

Knows calendars, the labels of position accounts and the ledger's turnover. Does not know conversions, how a document
looks (`hub/reports` does) or how money moves at a bank.
"""
