"""The one table from the code of a refusal to its HTTP status. Total: a test fails if a declared code is missing.

400 malformed · 401 who are you · 403 not with this token · 404 not there, or not yours · 409 not in this state ·
422 understood and refused · 429 and 503 later · 500 ours, or never reaches HTTP.
"""

STATUS: dict[str, int] = {
    # The door itself.
    "bad_request": 400,
    "json_invalid": 400,
    "validation_failed": 400,
    "invalid_amount": 400,
    "cursor_invalid": 400,
    "idempotency_key_missing": 400,
    "idempotency_key_invalid": 400,
    "token_missing": 401,
    "token_invalid": 401,
    "scope_missing": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "idempotency_in_progress": 409,
    "body_too_large": 413,
    "media_type_unsupported": 415,
    "idempotency_key_reused": 422,
    "amount_overflow": 422,
    "rate_limited": 429,
    "internal_fault": 500,
    "overloaded": 503,
    # Clients, keys, scopes.
    "client_missing": 404,
    "client_has_no_secret": 409,
    "jwks_invalid": 422,
    "scope_unknown": 422,
    "scope_not_allowed": 422,
    "master_key_invalid": 500,
    # Starting the hub.
    "setting_invalid": 500,
    "embedded_unavailable": 503,
}
