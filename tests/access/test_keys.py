"""Keys and secrets: made once, sealed at rest, rotated without a gap."""

import json
import stat
import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from hub.access.keys import (
    PUBLISHED_SECONDS,
    KeyTooFresh,
    rotate_keys,
    rotate_secrets,
    secrets,
    signing_keys,
)
from hub.access.service import forget_expired
from hub.access.tokens import TOKEN_SECONDS
from hub.access.types import KeyState
from hub.access.vault import MasterKeyInvalid, Vault, vault_of
from hub.audit import entries
from hub.config import read_settings
from hub.storage import Database
from tests.conftest import START


def test_the_first_use_makes_one_active_and_one_next_key(database: Database, vault: Vault) -> None:
    with database.work() as work:
        made = signing_keys(work, vault, now=START)
        again = signing_keys(work, vault, now=START)

    assert [key.state for key in made] == [KeyState.ACTIVE, KeyState.NEXT]
    assert again == made
    public = json.loads(made[0].public)
    assert (public["kty"], public["crv"], public["alg"], public["use"]) == ("EC", "P-256", "ES256", "sig")
    assert public["kid"] == made[0].id
    assert "d" not in public


def test_private_halves_do_not_lie_readable(database: Database, vault: Vault) -> None:
    with database.work() as work:
        key = signing_keys(work, vault, now=START)[0]
        content = secrets(work, vault, "quote", now=START)[0]
        stored = work.fetch("SELECT sealed FROM access_keys") + work.fetch("SELECT sealed FROM access_secrets")

    private = json.loads(key.private)["d"].encode()
    assert all(private not in sealed and content not in sealed for (sealed,) in stored)
    assert json.loads(key.private)["d"] not in repr(key)


def test_rotation_publishes_before_signing_and_after(database: Database, vault: Vault) -> None:
    with database.work() as work:
        active, following = signing_keys(work, vault, now=START)
        rotated = rotate_keys(work, vault, actor="alice", now=START + timedelta(days=1))

    assert [key.state for key in rotated] == [KeyState.ACTIVE, KeyState.NEXT, KeyState.RETIRED]
    assert rotated[0].id == following.id
    assert rotated[2].id == active.id
    with database.work() as work:
        later = rotate_keys(work, vault, actor="alice", now=START + timedelta(days=2))
    assert active.id not in {key.id for key in later}


def test_a_next_key_signs_only_when_everybody_can_have_read_it(database: Database, vault: Vault) -> None:
    with database.work() as work:
        before = signing_keys(work, vault, now=START)

    with pytest.raises(KeyTooFresh), database.work() as work:
        rotate_keys(work, vault, actor="alice", now=START + timedelta(seconds=PUBLISHED_SECONDS - 1))

    with database.work() as work:
        assert signing_keys(work, vault, now=START) == before
        after = rotate_keys(work, vault, actor="alice", now=START + timedelta(seconds=PUBLISHED_SECONDS))
    assert after[0].id == before[1].id


def test_a_retired_key_is_published_as_long_as_its_tokens_are_good_and_caches_last(
    database: Database, vault: Vault
) -> None:
    at = START + timedelta(days=1)
    with database.work() as work:
        old = signing_keys(work, vault, now=START)[0].id
        rotate_keys(work, vault, actor="alice", now=at)

    published = []
    for seconds in (0, TOKEN_SECONDS + PUBLISHED_SECONDS, TOKEN_SECONDS + PUBLISHED_SECONDS + 1):
        with database.work() as work:
            forget_expired(work, now=at + timedelta(seconds=seconds))
            published.append(old in {key.id for key in signing_keys(work, vault, now=at)})

    assert published == [True, True, False]


def test_a_compromised_key_is_gone_at_once_and_so_are_those_before_it(database: Database, vault: Vault) -> None:
    with database.work() as work:
        signing_keys(work, vault, now=START)
        before = rotate_keys(work, vault, actor="alice", now=START + timedelta(days=1))
        after = rotate_keys(work, vault, actor="alice", now=START + timedelta(days=1), compromised=True)
        audited = [(one.actor, one.action, one.subject, dict(one.facts)) for one in entries(work, after=1, limit=9)]

    assert [key.state for key in after] == [KeyState.ACTIVE, KeyState.NEXT]
    assert {key.id for key in after} & {key.id for key in before} == {before[1].id}
    assert audited == [
        ("alice", "keys.rotated", before[1].id, {"before": before[0].id, "compromised": "true"}),
    ]


def test_another_master_key_opens_nothing(database: Database, vault: Vault) -> None:
    with database.work() as work:
        signing_keys(work, vault, now=START)
        secrets(work, vault, "quote", now=START)

    other = Vault("another master key, which is also long enough")
    with database.work() as work:
        for call in (
            lambda: signing_keys(work, other, now=START),
            lambda: secrets(work, other, "quote", now=START),
        ):
            with pytest.raises(MasterKeyInvalid):
                call()


def test_processes_that_start_together_share_keys_and_secrets(database: Database, vault: Vault) -> None:
    found: list[object] = []

    def start() -> None:
        with database.work() as work:
            keys = [key.id for key in signing_keys(work, vault, now=START)]
            found.append((keys, secrets(work, vault, "quote", now=START)))

    threads = [threading.Thread(target=start) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(found) == 8
    assert all(one == found[0] for one in found)


def test_secrets_of_one_name_rotate_and_two_are_kept(database: Database, vault: Vault) -> None:
    with database.work() as work:
        first = secrets(work, vault, "quote", now=START)
        second = rotate_secrets(work, vault, "quote", now=START + timedelta(days=1))
        third = rotate_secrets(work, vault, "quote", now=START + timedelta(days=2))
        other = secrets(work, vault, "cursor", now=START)

    assert [len(first), len(second), len(third)] == [1, 2, 2]
    assert second[1] == first[0]
    assert third[1] == second[0]
    assert len(first[0]) == 32
    assert other[0] not in (*first, *second, *third)


def test_a_sealed_thing_opens_only_under_its_own_label(vault: Vault) -> None:
    sealed = vault.seal(b"content", label="one")

    assert vault.open(sealed, label="one") == b"content"
    for broken, label in (
        (sealed, "two"),
        (sealed[:-1], "one"),
        (sealed[:-1] + bytes([sealed[-1] ^ 1]), "one"),
        (b"", "one"),
    ):
        with pytest.raises(MasterKeyInvalid):
            vault.open(broken, label=label)


def test_without_a_master_key_one_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    settings = read_settings({"HUB_DATA_DIR": str(tmp_path / "data")})
    vaults: list[Vault] = []

    threads = [threading.Thread(target=lambda: vaults.append(vault_of(settings))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    path = tmp_path / "data" / "master.key"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["master.key"]
    sealed = vaults[0].seal(b"content", label="x")
    assert all(one.open(sealed, label="x") == b"content" for one in vaults)


def test_a_short_or_unreadable_master_key_is_refused(tmp_path: Path) -> None:
    settings = read_settings({"HUB_DATA_DIR": str(tmp_path)})

    with pytest.raises(MasterKeyInvalid):
        vault_of(replace(settings, master_key="short"))
    (tmp_path / "master.key").write_bytes(b"\xff" * 64)
    with pytest.raises(MasterKeyInvalid):
        vault_of(settings)
