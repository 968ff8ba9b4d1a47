"""What all processes share about their sessions with partners: access tokens, and whether a partner is worth calling.

Knows the database behind two ports of `partners/base.py`. Does not know brands, calls or what a token is for.
"""
