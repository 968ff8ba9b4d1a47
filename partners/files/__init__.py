"""Brands that speak files: a declared format, a streaming reader and writer, atomic exchange, and a ready adapter.

The format part is pure: it knows records, fields and control totals, and neither legs nor databases. What a partner's
answers do is the business of `hub/files`.
"""
