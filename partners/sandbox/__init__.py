"""The sandbox: a plain partner that serves every imported test partner, and the simulators of all brands.

Knows how partners misbehave. Nothing of the hub's own work stands here.
"""
