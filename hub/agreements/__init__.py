"""Partners, units, agreements with clearing prices, life cycle and stops.

Knows who takes part on which terms. Does not know rates between units, members or conversions.
"""
