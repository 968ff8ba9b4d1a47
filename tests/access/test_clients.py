"""Clients: who may be added, what is stored of their secrets, and how they end."""

import json
from datetime import timedelta

import pytest
from joserfc.jwk import ECKey, OKPKey, RSAKey

from hub.access.clients import ClientMissing, JwksInvalid, checked_jwks, hash_of
from hub.access.scopes import ScopeNotAllowed, ScopeUnknown
from hub.access.service import (
    SECRET_OVERLAP_SECONDS,
    ClientHasNoSecret,
    denied,
    forget_expired,
    get_client,
    list_clients,
    replace_jwks,
    revoke_token,
    rotate_secret,
    start_client,
    stop_client,
    use_assertion,
)
from hub.access.types import AuthMethod, ClientState
from hub.storage import Database
from tests.access.conftest import make_client, public_jwks
from tests.conftest import START


def test_a_secret_is_shown_once_and_stored_as_its_hash(database: Database) -> None:
    made = make_client(database)

    with database.read() as work:
        stored = work.fetch("SELECT row_to_json(c)::text FROM access_clients c")[0][0]
        client = get_client(work, made.id, now=START)

    assert len(made.secret) == 43
    assert made.secret not in stored
    assert client.secret_hashes == (hash_of(made.secret),)
    assert made.secret not in repr(made) + repr(client)


def test_a_client_that_signs_has_no_secret(database: Database, keypair: ECKey) -> None:
    made = make_client(database, jwks=public_jwks(keypair))

    with database.read() as work:
        client = get_client(work, made.id, now=START)

    assert made.secret == ""
    assert client.auth is AuthMethod.PRIVATE_KEY_JWT
    assert json.loads(client.jwks) == json.loads(public_jwks(keypair))
    with database.work() as work, pytest.raises(ClientHasNoSecret):
        rotate_secret(work, made.id, actor="alice", now=START)


def test_after_a_rotation_both_secrets_are_good_for_a_day(database: Database) -> None:
    old = make_client(database)

    with database.work() as work:
        new = rotate_secret(work, old.id, actor="alice", now=START)

    with database.read() as work:
        at_once = get_client(work, old.id, now=START).secret_hashes
        later = get_client(work, old.id, now=START + timedelta(seconds=SECRET_OVERLAP_SECONDS)).secret_hashes
    assert at_once == (hash_of(new.secret), hash_of(old.secret))
    assert later == (hash_of(new.secret),)


def test_a_new_key_set_ends_the_secret_at_once(database: Database, keypair: ECKey) -> None:
    made = make_client(database)

    with database.work() as work:
        replace_jwks(work, made.id, public_jwks(keypair), actor="alice", now=START)

    with database.read() as work:
        client = get_client(work, made.id, now=START)
    assert client.auth is AuthMethod.PRIVATE_KEY_JWT
    assert client.secret_hashes == ()


@pytest.mark.parametrize(
    ("partner", "scope", "refusal"),
    [
        ("aerojet", "everything", ScopeUnknown),
        ("", "everything", ScopeUnknown),
        ("aerojet", "rates:write", ScopeNotAllowed),
    ],
)
def test_scopes_that_a_client_cannot_have_are_refused(
    database: Database, partner: str, scope: str, refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        make_client(database, partner=partner, scopes=(scope,))


def test_operators_may_write_rates(database: Database) -> None:
    made = make_client(database, partner="", scopes=("rates:write", "rates:read", "rates:read"))

    with database.read() as work:
        assert get_client(work, made.id, now=START).scopes == ("rates:read", "rates:write")


def test_a_client_that_is_not_there_is_refused_by_name(database: Database) -> None:
    with database.work() as work:
        for call in (
            lambda: get_client(work, "client_x", now=START),
            lambda: rotate_secret(work, "client_x", actor="alice", now=START),
            lambda: stop_client(work, "client_x", actor="alice", now=START),
            lambda: replace_jwks(work, "client_x", public_jwks(ECKey.generate_key()), actor="alice", now=START),
        ):
            with pytest.raises(ClientMissing):
                call()


def test_stopping_and_starting_may_be_repeated(database: Database) -> None:
    made = make_client(database)

    with database.work() as work:
        stop_client(work, made.id, actor="alice", now=START)
        stop_client(work, made.id, actor="alice", now=START)
        assert denied(work, now=START) == {made.id}
        start_client(work, made.id, actor="alice", now=START)
        assert denied(work, now=START) == frozenset()

    with database.read() as work:
        assert [client.state for client in list_clients(work, now=START)] == [ClientState.ACTIVE]


def test_good_key_sets_are_taken() -> None:
    for key in (
        ECKey.generate_key("P-256"),
        RSAKey.generate_key(2048, private=True),
        OKPKey.generate_key("Ed25519"),
    ):
        text = json.dumps({"keys": [key.as_dict(private=False)]})
        assert json.loads(checked_jwks(text)) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"keys": []}',
        '{"keys": [1]}',
        '{"keys": [{"kty": "EC"}]}',
        '{"keys": "none"}',
        "[" * 100_000,
        json.dumps({"keys": [{"kty": "oct", "k": "AAAA"}]}),
        json.dumps({"keys": [ECKey.generate_key("P-256").as_dict(private=True)]}),
        json.dumps({"keys": [ECKey.generate_key("P-384").as_dict(private=False)]}),
        json.dumps({"keys": [{"kty": "RSA", "e": "AQAB", "n": "u" * 171}]}),
        json.dumps({"keys": [ECKey.generate_key("P-256").as_dict(private=False)] * 9}),
        json.dumps({"keys": [ECKey.generate_key("P-256").as_dict(private=False)], "more": "x" * 40_000}),
    ],
)
def test_bad_key_sets_are_refused(text: str) -> None:
    with pytest.raises(JwksInvalid):
        checked_jwks(text)


def test_revocations_last_until_the_token_would_have_expired(database: Database) -> None:
    end = START + timedelta(seconds=600)

    with database.work() as work:
        revoke_token(work, "tok_1", expires_at=end, now=START)
        revoke_token(work, "tok_1", expires_at=end, now=START)

    with database.work() as work:
        assert denied(work, now=START) == {"tok_1"}
        assert denied(work, now=end) == frozenset()
        assert forget_expired(work, now=end) == 0
        assert forget_expired(work, now=end + timedelta(seconds=1)) == 1


def test_an_assertion_is_used_once_per_client(database: Database) -> None:
    end = START + timedelta(seconds=60)

    with database.work() as work:
        first = use_assertion(work, "client_a", "one", expires_at=end)
        again = use_assertion(work, "client_a", "one", expires_at=end)
        other = use_assertion(work, "client_b", "one", expires_at=end)
        odd = [use_assertion(work, "client_a", jti, expires_at=end) for jti in ("", "x" * 256, "a\0b")]

    assert (first, again, other) == (True, False, True)
    assert odd == [False, False, False]
