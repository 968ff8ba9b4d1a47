"""Adapters to partners' own systems: one folder per brand, one contract for all.

Knows partners' protocols. Does not know the hub beyond its kernel: what an adapter needs from outside is declared as a
port in `base.py` and handed in.
"""
