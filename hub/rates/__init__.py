"""Rate rules, campaigns, price arithmetic and signed quotes, all exact.

Knows what a conversion would give and why. Does not know members' links, conversions or settlement.
"""
