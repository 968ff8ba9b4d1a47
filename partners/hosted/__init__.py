"""Programmes without a system of their own: a declarative programme file each, and the hub keeps the balances.

Knows programme files and how such a programme answers like any partner. The books are a port that is handed in.
"""
