"""Limits: how much may be converted, by whom, in which time.

Knows rules, windows and what was used of each, exactly, whoever counts at the same moment. Does not know conversions.
"""
