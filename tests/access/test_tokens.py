"""Access tokens: what they say, what is refused, and how soon a revocation is in effect."""

import json
from datetime import timedelta

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from hub.access.guard import Guard
from hub.access.keys import rotate_keys, signing_keys
from hub.access.service import get_client, revoke_token, stop_client
from hub.access.tokens import TokenInvalid
from hub.access.types import Client
from hub.access.vault import Vault
from hub.kernel.clock import ManualClock
from hub.storage import Database
from tests.access.conftest import make_client
from tests.conftest import START

ISSUER = "https://hub.example"


@pytest.fixture
def guard(database: Database, vault: Vault, clock: ManualClock) -> Guard:
    return Guard(database, vault, clock, issuer=ISSUER)


@pytest.fixture
def client(database: Database) -> Client:
    made = make_client(database, scopes=("quotes:read", "units:read"))
    with database.read() as work:
        return get_client(work, made.id, now=START)


def claims_of(token: str) -> dict[str, object]:
    import base64

    part = token.split(".")[1]
    found: dict[str, object] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def test_a_token_says_who_calls_and_for_what(guard: Guard, client: Client) -> None:
    token = guard.issue(client, ["quotes:read"])

    principal = guard.check(token)

    assert (principal.client_id, principal.partner, principal.live) == (client.id, "aerojet", False)
    assert principal.scopes == {"quotes:read"}
    claims = claims_of(token)
    assert claims["iss"] == claims["aud"] == ISSUER
    assert claims["sub"] == claims["client_id"] == client.id
    assert claims["exp"] == claims["iat"] + 600  # type: ignore[operator]
    assert claims["jti"] == principal.jti


def test_a_token_ends_after_ten_minutes(guard: Guard, client: Client, clock: ManualClock) -> None:
    token = guard.issue(client, ["quotes:read"])

    clock.advance(timedelta(seconds=599))
    guard.check(token)
    clock.advance(timedelta(seconds=1))

    with pytest.raises(TokenInvalid):
        guard.check(token)


def forged(database: Database, vault: Vault, *, header: dict[str, object], **changed: object) -> str:
    """A token with a good signature and some claims changed; None takes a claim away."""
    with database.work() as work:
        key = signing_keys(work, vault, now=START)[0]
    issued = int(START.timestamp())
    claims: dict[str, object] = {
        "iss": ISSUER, "aud": ISSUER, "sub": "client_x", "client_id": "client_x", "scope": "quotes:read", "jti": "t",
        "iat": issued, "exp": issued + 600, "kind": "partner", "partner": "aerojet", "live": False,
    }  # fmt: skip
    claims.update(changed)
    kept = {name: value for name, value in claims.items() if value is not None}
    full = {"alg": "ES256", "typ": "at+jwt", "kid": key.id, **header}
    return jwt.encode(full, kept, ECKey.import_key(json.loads(key.private)))


def test_a_well_made_token_of_the_right_key_is_taken(database: Database, vault: Vault, guard: Guard) -> None:
    assert guard.check(forged(database, vault, header={})).client_id == "client_x"


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://other.example"},
        {"iss": [ISSUER]},
        {"aud": "https://other.example"},
        {"aud": [ISSUER, "https://other.example"]},
        {"exp": int(START.timestamp())},
        {"exp": int(START.timestamp()) + 86_400},
        {"exp": "soon"},
        {"exp": None},
        {"exp": 10**30},
        {"iat": int(START.timestamp()) + 60},
        {"iat": True},
        {"jti": None},
        {"jti": 5},
        {"client_id": ["client_x"]},
        {"partner": None},
        {"live": "false"},
        {"scope": ["quotes:read"]},
        {"cnf": {"x5t#S256": "x"}},
        {"cnf": {"jkt": "x", "x5t#S256": "x"}},
        {"cnf": {"jkt": ""}},
        {"cnf": "x"},
        {"kind": None},
        {"kind": "somebody"},
        {"kind": "member"},
        {"kind": "operator", "scope": "member:read"},
        {"scope": "quotes:read member:read"},
        {"sub": None},
        {"grant": 5},
    ],
)
def test_a_token_with_a_claim_of_another_shape_is_refused(
    database: Database, vault: Vault, guard: Guard, changed: dict[str, object]
) -> None:
    with pytest.raises(TokenInvalid):
        guard.check(forged(database, vault, header={}, **changed))


@pytest.mark.parametrize("header", [{"typ": "JWT"}, {"typ": "dpop+jwt"}, {"kid": "key_unknown"}])
def test_a_token_with_another_header_is_refused(
    database: Database, vault: Vault, guard: Guard, header: dict[str, object]
) -> None:
    with pytest.raises(TokenInvalid):
        guard.check(forged(database, vault, header=header))


def test_other_algorithms_and_texts_are_refused(database: Database, vault: Vault, guard: Guard, client: Client) -> None:
    good = guard.issue(client, [])
    head, body, sign = good.split(".")
    unsigned = jwt.encode({"alg": "HS256", "typ": "at+jwt"}, claims_of(good), OctKey.import_key("x" * 32))
    foreign = jwt.encode({"alg": "ES256", "typ": "at+jwt"}, claims_of(good), ECKey.generate_key())

    for token in (
        "", "a", "a.b", "a.b.c", "é.b.c", "\udcff", unsigned, foreign, f"{head}.{body}.", f"{head}.{body}.{sign}=",
        good + "a", f"eyJhbGciOiJub25lIn0.{body}.", "x" * 5_000, f"{head}.{body}x.{sign}",
    ):  # fmt: skip
        with pytest.raises(TokenInvalid):
            guard.check(token)


def test_a_revoked_token_is_refused_on_every_process_within_five_seconds(
    database: Database, vault: Vault, clock: ManualClock, guard: Guard, client: Client
) -> None:
    token = guard.issue(client, [])
    other = Guard(database, vault, clock, issuer=ISSUER)
    jti = other.check(token).jti
    guard.check(token)

    with database.work() as work:
        revoke_token(work, jti, expires_at=START + timedelta(seconds=600), now=clock.now())
    clock.advance(timedelta(seconds=5))

    for process in (guard, other):
        with pytest.raises(TokenInvalid):
            process.check(token)


def test_the_tokens_of_a_stopped_client_end_within_five_seconds(
    database: Database, clock: ManualClock, guard: Guard, client: Client
) -> None:
    token = guard.issue(client, [])
    guard.check(token)

    with database.work() as work:
        stop_client(work, client.id, actor="alice", now=clock.now())
    clock.advance(timedelta(seconds=5))

    with pytest.raises(TokenInvalid):
        guard.check(token)


def test_tokens_stay_good_over_a_rotation_of_keys_by_another_process(
    database: Database, vault: Vault, clock: ManualClock, guard: Guard, client: Client
) -> None:
    other = Guard(database, vault, clock, issuer=ISSUER)
    old = guard.issue(client, [])
    other.check(old)

    with database.work() as work:
        for _ in range(2):  # the key that signs now was not even published before
            work.run("UPDATE access_keys SET created_at = created_at - interval '1 day'")
            rotate_keys(work, vault, actor="alice", now=clock.now())
    fresh = Guard(database, vault, clock, issuer=ISSUER)
    clock.advance(timedelta(seconds=3))

    assert other.check(fresh.issue(client, [])).client_id == client.id
    assert fresh.check(old).client_id == client.id


def test_a_checked_token_needs_no_database(database: Database, guard: Guard, client: Client) -> None:
    token = guard.issue(client, [])
    guard.check(token)

    with database.work() as work:  # a second transaction in this thread would be refused
        assert guard.check(token).client_id == client.id
        work.fetch("SELECT 1")


def test_nothing_signed_by_a_compromised_key_stays_good_not_even_what_was_checked(
    database: Database, vault: Vault, clock: ManualClock, guard: Guard, client: Client
) -> None:
    token = guard.issue(client, client.scopes)
    guard.check(token)

    with database.work() as work:
        rotate_keys(work, vault, actor="alice", now=clock.now(), compromised=True)
    clock.advance(timedelta(seconds=61))

    with pytest.raises(TokenInvalid):
        guard.check(token)
    assert guard.check(guard.issue(client, client.scopes)).client_id == client.id
