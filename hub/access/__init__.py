"""OAuth clients, keys, scopes and tokens as data: who may call the hub, as whom, and for what.

Knows clients, signing keys, hub secrets, revocations and RFC 9068 access tokens. Does not know HTTP.
"""
