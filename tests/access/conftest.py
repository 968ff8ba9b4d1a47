"""What the tests of access share: a vault, and clients that show only what matters."""

import json

import pytest
from joserfc.jwk import ECKey

from hub.access.service import add_client
from hub.access.types import AuthMethod, NewClient
from hub.access.vault import Vault
from hub.storage import Database
from tests.conftest import START

MASTER = "a master key for tests, long enough to be taken"


@pytest.fixture
def vault() -> Vault:
    """Seals with a fixed key."""
    return Vault(MASTER)


@pytest.fixture
def keypair() -> ECKey:
    """A client's own key."""
    return ECKey.generate_key("P-256", {"kid": "one"})


def public_jwks(key: ECKey) -> str:
    return json.dumps({"keys": [key.as_dict(private=False)]})


def make_client(
    database: Database,
    *,
    partner: str = "aerojet",
    jwks: str = "",
    scopes: tuple[str, ...] = ("quotes:read",),
    live: bool = False,
) -> NewClient:
    with database.work() as work:
        return add_client(
            work,
            partner=partner,
            auth=AuthMethod.PRIVATE_KEY_JWT if jwks else AuthMethod.SECRET,
            jwks=jwks,
            scopes=scopes,
            live=live,
            actor="alice",
            now=START,
        )
