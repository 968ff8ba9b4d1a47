"""Legs: one instruction at one partner, called, inquired after and repeated until there is proof.

The only place that calls an adapter for points. Knows attempts, leases, key life and inquiry lag. Does not know what
a leg is part of: who opened it is told its outcome.
"""
