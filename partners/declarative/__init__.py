"""The ready adapter for brands that speak REST and JSON: a profile alone is enough.

Knows calls, pointers and words as a profile declares them. Knows no brand.
"""
