"""Conversions: points leave at the source partner and arrive at the target partner; two legs, one outcome.

Knows the state machine over two legs and its postings. Does not know HTTP, the queue or any partner's protocol.
"""
