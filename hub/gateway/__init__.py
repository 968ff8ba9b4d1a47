"""Door 1: HTTP. Parses, authorises, calls one function of the core and renders its answer.

Knows Flask, OAuth's wire forms and problem+json. Does not decide anything about points.
"""
