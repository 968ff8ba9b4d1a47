"""The watch over secrets in what people read can fail: planted leaks are found, and the place is named."""

import logging
import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from hub.kernel.ids import new_id
from hub.storage import Database
from tests.conftest import START
from tests.leaks import LEAKS, READ_BY_PEOPLE, Leaks, look_into

ROOT = Path(__file__).resolve().parents[2]

PLANTED = """
import logging
import secrets

def test_that_logs_a_secret():
    logging.getLogger("hub.planted").warning("it is %s", secrets.token_urlsafe(32))

def test_that_logs_none():
    logging.getLogger("hub.planted").warning("nothing to see")
"""


def test_a_planted_leak_fails_the_test_that_made_it_and_names_the_place(tmp_path: Path) -> None:
    planted = tmp_path / "test_planted.py"
    planted.write_text(PLANTED)
    (tmp_path / "conftest.py").write_text("from tests.conftest import no_secret_shows, pytest_configure  # noqa\n")
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:xdist",
        "--rootdir",
        str(tmp_path),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}

    done = subprocess.run(
        [*command, str(planted)], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert done.returncode == 1, done.stdout + done.stderr
    assert "2 passed, 1 error" in done.stdout
    assert "a secret shows in the log, by hub.planted at " in done.stdout
    assert "test_planted.py:6" in done.stdout


@pytest.mark.parametrize("around", ["{}", "secret={}!", "x{}y", "Basic id:{}", "a-{}-b", '"{}"'])
def test_a_secret_is_found_whatever_is_around_it_and_not_repeated(around: str) -> None:
    leaks, secret = Leaks(), "s" * 21 + "T" * 22
    leaks.remember(secret)
    leaks.show("a row", around.format("nothing of that sort in here, at all, anywhere"))
    assert leaks.found() == []

    leaks.show("a row", around.format(secret))
    (found,) = leaks.found()

    assert found.startswith("a secret shows in a row: ")
    assert secret not in found


def test_bytes_are_found_in_each_of_their_writings() -> None:
    leaks, secret = Leaks(), bytes(range(200, 232))
    leaks.remember_bytes(secret)

    for text in (secret.hex(), "yMnKy8zNzs_Q0dLT1NXW19jZ2tvc3d7f4OHi4-Tl5uc"):
        leaks.show("a row", text)
        assert len(leaks.found()) == 1


def test_what_is_given_as_extra_and_what_was_raised_is_looked_at_too() -> None:
    leaks, secret = Leaks(), "s" * 20 + "t" * 20
    leaks.remember(secret)
    plain = logging.makeLogRecord({"name": "hub.x", "msg": "x", "note": f"it is {secret}"})
    try:
        raise ValueError(secret)
    except ValueError:
        raised = logging.makeLogRecord({"name": "hub.x", "msg": "x", "exc_info": sys.exc_info()})

    for record in (plain, raised):
        leaks.record(record)
        assert len(leaks.found()) == 1
    named = logging.makeLogRecord({"name": "hub.x", "msg": "x", "client_secret": secret})
    leaks.record(named)
    assert leaks.found() == [], "a field that is called secret is blotted out by the hub itself"


def test_every_row_that_people_read_is_looked_into(database: Database) -> None:
    secret = secrets.token_urlsafe(32)
    with database.work() as work:
        work.run(
            "INSERT INTO idempotency_keys (key, fingerprint, status, location, body, created_at)"
            " VALUES (%s, '', 201, '', %s, %s)",
            (new_id("x", START), f'{{"secret": "{secret}"}}', START),
        )

    look_into(database)
    found = LEAKS.found()
    with database.work() as work:
        work.run("DELETE FROM idempotency_keys")

    assert [one.split(":")[0] for one in found] == ["a secret shows in a row of idempotency_keys"]
    with database.read() as work:
        known = {name for (name,) in work.fetch("SELECT relname::text FROM pg_class WHERE relkind = 'r'")}
    assert set(READ_BY_PEOPLE) <= known
