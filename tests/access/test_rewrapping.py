"""Another master key: all is sealed again while the hub works, whatever dies meanwhile, and nothing is forgotten."""

import os
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import LargeBinary

import hub.wiring  # noqa: F401 - imports every room, so that every table is declared
from hub.access.keys import secrets, signing_keys
from hub.access.people import add_member_person, new_enrolment, open_enrolment
from hub.access.rewrapping import Rewrapped, rewrap, sealed_columns
from hub.access.statement_keys import sign_documents
from hub.access.vault import MasterKeyInvalid, Vault
from hub.sessions.tokens import DatabaseTokenStore
from hub.storage import METADATA, Database
from hub.storage.locks import SharedLocks
from partners.base import Token
from tests.conftest import START

OLD = "the old master key of these tests, long enough"
NEW = "the new master key of these tests, long enough"

old, new, both = Vault(OLD), Vault(NEW), Vault(NEW, OLD)


def token(value: str) -> Token:
    return Token(value, START, START + timedelta(seconds=600), "holder")


def store(database: Database, vault: Vault) -> DatabaseTokenStore:
    return DatabaseTokenStore(database, vault, SharedLocks(database.url))


def filled(database: Database, vault: Vault, *, tokens: int = 7) -> str:
    """One of everything that the hub seals by itself, and some partners' tokens; an enrolment's token."""
    with database.work() as work:
        signing_keys(work, vault, now=START)
        secrets(work, vault, "quotes", now=START)
        sign_documents(work, vault, [b"statement"], now=START)
        person = add_member_person(work, "mem_1", now=START)
        enrolment = new_enrolment(work, vault, person, totp="JBSWY3DPEHPK3PXP", actor="alice", now=START)
    sealed = [
        (
            f"partner{number:04}",
            "",
            vault.seal(b"%d" % number, label=f"partner_token partner{number:04} "),
            START,
            START,
        )
        for number in range(tokens)
    ]
    with database.work() as work:
        work.copy_in("partner_token", ("partner", "scope", "sealed", "renew_at", "expires_at"), sealed)
    return enrolment


def opens(database: Database, vault: Vault, enrolment: str, *, tokens: int = 7) -> bool:
    """Whether everything of `filled` opens."""
    try:
        with database.work() as work:
            signing_keys(work, vault, now=START)
            secrets(work, vault, "quotes", now=START)
            sign_documents(work, vault, [b"statement"], now=START)
            assert open_enrolment(work, vault, enrolment, now=START).totp == "JBSWY3DPEHPK3PXP"
    except MasterKeyInvalid:
        return False
    with database.read() as work:
        rows = work.fetch("SELECT partner, sealed FROM partner_token ORDER BY partner")
    found = [vault.open(sealed, label=f"partner_token {partner} ") for partner, sealed in rows]
    return found == [b"%d" % number for number in range(tokens)]


def counted(done: list[Rewrapped]) -> tuple[int, int, int]:
    return sum(one.resealed for one in done), sum(one.current for one in done), sum(one.lost for one in done)


def silent(_rows: int) -> None: ...


def test_every_sealed_column_says_its_label() -> None:
    """A column that a table forgets to mark would be lost with the old master key."""
    looks_sealed = {
        f"{table.name}.{column.name}"
        for table in METADATA.tables.values()
        for column in table.columns
        if isinstance(column.type, LargeBinary) and ("sealed" in column.name or column.name == "totp")
    }

    assert {f"{column.table.name}.{column.name}" for column in sealed_columns()} == looks_sealed
    assert all(column.table.primary_key.columns for column in sealed_columns())


def test_afterwards_the_new_key_opens_everything_and_the_old_one_nothing(database: Database) -> None:
    enrolment = filled(database, old)
    assert opens(database, both, enrolment)
    assert not opens(database, new, enrolment)

    first = counted(rewrap(database, both, told=silent, rows_at_once=3))
    again = counted(rewrap(database, both, told=silent, rows_at_once=3))

    assert first == (12, 0, 0)
    assert again == (0, 12, 0)
    assert opens(database, new, enrolment)
    assert not opens(database, old, enrolment)
    with pytest.raises(MasterKeyInvalid), database.work() as work:
        signing_keys(work, old, now=START)


def test_while_both_are_given_it_does_not_matter_which_one_sealed(database: Database) -> None:
    enrolment = filled(database, old)
    fresh = both.seal(b"3", label="partner_token partner0003 ")
    with database.work() as work:
        assert work.run("UPDATE partner_token SET sealed = %s WHERE partner = 'partner0003'", (fresh,)) == 1

    assert opens(database, both, enrolment)
    assert opens(database, Vault(OLD, NEW), enrolment)


def test_an_interruption_leaves_everything_open_and_is_carried_on(database: Database) -> None:
    enrolment = filled(database, old)
    calls = []

    def interrupted(rows: int) -> None:
        calls.append(rows)
        if len(calls) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rewrap(database, both, told=interrupted, rows_at_once=2)

    assert opens(database, both, enrolment)
    resealed, current, lost = counted(rewrap(database, both, told=silent, rows_at_once=2))
    assert (resealed + current, lost) == (12, 0)
    assert resealed
    assert current
    assert opens(database, new, enrolment)


def test_what_somebody_writes_meanwhile_stays_as_written(database: Database) -> None:
    filled(database, old)

    class Meanwhile(Vault):
        """Has a partner's token renewed by another process between reading its row and writing it."""

        def reseal(self, sealed: bytes, *, label: str) -> bytes | None:
            if label == "partner_token partner0002 ":
                renewed.put("partner0002", "", token("renewed"))
            return super().reseal(sealed, label=label)

    elsewhere = Database(database.url)
    renewed = InThread(elsewhere)
    done = rewrap(database, Meanwhile(NEW, OLD), told=silent)
    found = store(database, new).get("partner0002", "")
    elsewhere.close()

    assert counted(done)[2] == 0
    assert found is not None
    assert found.value == "renewed"


class InThread:
    """A token store that is used while this thread is inside a transaction of its own."""

    def __init__(self, database: Database) -> None:
        self._store = store(database, both)

    def put(self, partner: str, scope: str, renewed: Token) -> None:
        import threading

        thread = threading.Thread(target=self._store.put, args=(partner, scope, renewed))
        thread.start()
        thread.join()


def test_what_opens_with_neither_key_is_counted_and_left_alone(database: Database) -> None:
    filled(database, old)
    store(database, Vault("a master key that nobody has any more")).put("partner0001", "", token("lost"))

    done = rewrap(database, both, told=silent)

    assert counted(done) == (11, 0, 1)
    assert [one.table for one in done if one.lost] == ["partner_token"]


def command(database: Database, data: Path, *arguments: str, **keys: str) -> list[object]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("HUB_")}
    plain = database.url.replace("postgresql+psycopg", "postgresql")
    told = {"HUB_DATA_DIR": str(data), "HUB_DATABASE_URL": plain, **keys}
    return [[sys.executable, "-m", "hub", *arguments], {**kept, **told}]


def test_a_killed_command_is_run_again_and_finishes(database: Database, tmp_path: Path) -> None:
    enrolment = filled(database, old, tokens=4_000)
    line, environment = command(
        database, tmp_path, "keys", "rewrap", "--json", HUB_MASTER_KEY=NEW, HUB_MASTER_KEY_OLD=OLD
    )
    victim = subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL)  # type: ignore[call-overload]
    try:
        before = first_token(database)
        while victim.poll() is None and first_token(database) == before:
            time.sleep(0.01)
    finally:
        victim.send_signal(signal.SIGKILL)
        victim.wait()
    assert first_token(database) != before
    assert opens(database, both, enrolment, tokens=4_000)

    again = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)  # type: ignore[call-overload]

    assert again.returncode == 0, again.stderr
    assert opens(database, new, enrolment, tokens=4_000)
    line, environment = command(database, tmp_path, "keys", "list", "--json", HUB_MASTER_KEY=OLD)
    refused = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)  # type: ignore[call-overload]
    assert (refused.returncode, "master_key_invalid" in refused.stdout) == (1, True)


def first_token(database: Database) -> bytes:
    """The token that the first transaction over tokens seals again."""
    with database.read() as work:
        return bytes(work.fetch("SELECT sealed FROM partner_token ORDER BY partner LIMIT 1")[0][0])
