"""A partner checks its statement with the file that the documentation gives it; every kind of forgery has a name."""

import ast
import copy
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.access.statement_keys import published_statement_keys, rotate_statement_keys, statement_keys
from hub.access.vault import Vault
from hub.kernel.clock import ManualClock
from hub.ledger.merkle import leaf_hash, tree_root
from hub.reports.books import render_statement
from hub.reports.proofs import all_entries, entry_view, proven_entries, signature_view
from hub.settlement import service, store
from hub.settlement.running import Settling
from hub.settlement.signing import sign_statements, signature
from hub.settlement.types import Window
from hub.storage import Database
from tests.conversion.world import World
from tests.settlement.test_windows import closed, posted, stated

FILE = Path(__file__).parents[2] / "docs" / "settlement" / "verify_statement.py"
VAULT = Vault("the master key of these tests, long enough")
Json = dict[str, Any]


@cache
def verifier() -> Any:
    """The partner's file as a module."""
    spec = importlib.util.spec_from_file_location("verify_statement", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Files:
    """What a partner downloads."""

    document: bytes
    signature: Json
    keys: Json
    page: Json
    previous: Json | None = None

    def wrong(self) -> list[str]:
        """What the verifier finds, by name."""
        found = verifier().verify(self.document, self.signature, self.keys, [self.page], self.previous)
        return [name for name, _ in found]


def files(world: World, window: Window, partner: str = "staywell") -> Files:
    """What the hub gives this partner for a window that has its statements."""
    with world.database.work() as work:
        sign_statements(work, VAULT, now=world.clock.now())
    with world.database.read() as work:
        kept = store.statement(work, window.id, partner)
        page = {"data": [entry_view(one) for one in all_entries(work, kept)]}
        signed = signature_view(kept, signature(work, kept.id))
        return Files(kept.document, signed, published_statement_keys(statement_keys(work)), page)


def two_windows(database: Database, clock: ManualClock) -> Files:
    """A partner's second window: four entries after two of the first, one payment between them."""
    world = World(database, clock)
    posted(world, ("aerojet", "staywell", 10_000), ("staywell", "northbank", 5_000))
    first = closed(world)
    before = stated(world, first)["staywell"]
    with database.work() as work:
        found = service.instruct(work, first.id, actor="maya", now=clock.now())
    due = next(one for one in found.obligations if one.side.partner == "staywell" and one.amount)
    with database.work() as work:
        service.pay(work, due.id, amount=due.rest, reference="E2E-1", actor="maya", now=clock.now())
    clock.advance(timedelta(days=1))
    posted(world, ("aerojet", "staywell", 700), ("northbank", "staywell", 4_000), ("staywell", "aerojet", 900))
    second = closed(world)
    stated(world, second)
    return replace(files(world, second), previous=before)


def forged(made: Files, change: Callable[[Json], None]) -> Files:
    """The same with another statement, under the old signature."""
    document = json.loads(made.document)
    change(document)
    return replace(made, document=json.dumps(document).encode())


def reshown(made: Files, change: Callable[[list[Json]], object]) -> Files:
    """The same with other entries."""
    page = copy.deepcopy(made.page)
    change(page["data"])
    return replace(made, page=page)


def test_every_forgery_is_named_and_the_genuine_statement_passes(database: Database, clock: ManualClock) -> None:
    made = two_windows(database, clock)

    assert made.wrong() == []
    assert len(made.page["data"]) == 4
    statement = json.loads(made.document)
    assert [one["kind"] for account in statement["accounts"] for one in account["elsewhere"]] == ["payment"]

    def cheaper(document: Json) -> None:
        document["lines"][0]["debits"], document["lines"][0]["credits"] = "0.0000001", "0.0000001"

    def fewer(document: Json) -> None:
        del document["lines"][0]

    def consistent(document: Json) -> None:
        document["partner"]["name"] = "Somebody Else"

    def smaller(document: Json) -> None:
        document["obligations"][0]["amount"] = "0.01"

    def larger(entries: list[Json]) -> None:
        entries[1]["amount"] = str(int(entries[1]["amount"]) + 1)

    def swapped(entries: list[Json]) -> None:
        entries[0], entries[1] = entries[1], entries[0]

    def renumbered(entries: list[Json]) -> None:
        """Two entries change places, and everything that can be computed again is."""
        swapped(entries)
        start = int(entries[1]["balance_after"]) - int(entries[1]["amount"])
        for number, one in enumerate(entries, start=min(each["entry"] for each in entries)):
            start += int(one["amount"])
            one["entry"], one["balance_after"] = number, str(start)

    def older(document: Json) -> None:
        document["accounts"][0]["opening"] = "1.0000000"

    changed = "statement_changed"
    assert forged(made, cheaper).wrong() == [changed, "line_changed", "unexplained"]
    assert forged(made, fewer).wrong() == [changed, "line_removed", "unexplained"]
    assert forged(made, consistent).wrong() == [changed]
    assert forged(made, smaller).wrong() == [changed, "obligation_changed"]
    assert forged(made, older).wrong()[:2] == [changed, "entry_changed"]
    assert forged(made, older).wrong()[-1] == "history_rewritten", "the statement before closed with another amount"
    assert reshown(made, larger).wrong() == ["entry_changed", "history_rewritten"]
    assert reshown(made, lambda entries: entries.pop(1)).wrong() == [
        "entry_removed",
        "entry_changed",
        "history_rewritten",
    ]
    assert "history_reordered" in reshown(made, swapped).wrong()
    assert reshown(made, renumbered).wrong() == ["history_rewritten"]
    assert replace(made, signature=made.signature | {"key": "key_other"}).wrong() == ["foreign_key"]
    key = made.keys["keys"][0]
    other = {**key, "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}  # the key of RFC 8032, section 7.1, test 2
    assert replace(made, keys={"keys": [other]}).wrong() == [changed]


def test_a_replaced_key_keeps_its_signatures_and_a_stolen_one_does_not(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    posted(world, ("aerojet", "staywell", 10_000))
    window = closed(world)
    stated(world, window)
    before = files(world, window)
    now = clock.now()

    with database.work() as work:
        rotate_statement_keys(work, VAULT, actor="maya", now=now + timedelta(hours=1))
    kept = files(world, window)
    with database.read() as work:
        sealed = work.fetch("SELECT sealed IS NULL FROM access_statement_keys ORDER BY created_at")
    assert kept.signature == before.signature
    assert len(kept.keys["keys"]) == 2
    assert kept.wrong() == []
    assert sealed == [(True,), (False,)], "a key that signs no more has forgotten how"

    with database.work() as work:
        # What the stolen key signed: the statement again, as if it had been written after the first change of keys.
        work.run("DELETE FROM settlement_signature")
        sign_statements(work, VAULT, now=now)
        rotate_statement_keys(work, VAULT, actor="maya", now=now + timedelta(hours=2), compromised=True)
        assert work.fetch("SELECT count(*) FROM settlement_signature") == [(0,)]
    Settling(database, VAULT, render_statement).run(now)
    again = files(world, window)

    assert again.wrong() == []
    assert again.document == before.document
    assert again.signature["key"] == again.keys["keys"][0]["kid"]
    assert before.signature["key"] in {one["kid"] for one in again.keys["keys"]}


def test_entries_come_in_pages_that_miss_none_and_repeat_none(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    posted(world, ("aerojet", "staywell", 10_000), ("staywell", "northbank", 5_000))
    with world.database.work() as work:  # a calendar of its own splits the monthly window into two slices
        service.close(work, "daily", early=True, now=clock.now())
    posted(world, ("northbank", "staywell", 4_000))
    window = closed(world)
    stated(world, window)

    with database.read() as work:
        kept = store.statement(work, window.id, "staywell")
        whole = list(all_entries(work, kept))
        paged, after = [], (0, 0)
        while found := proven_entries(work, kept, after=after, limit=2):
            assert len(found) <= 2
            paged += found
            after = (found[-1].place, found[-1].leaf.version)

    assert paged == whole
    assert [one.leaf.version for one in whole] == [1, 2, 3]
    assert len({one.slice for one in whole}) == 2
    assert files(world, window).wrong() == []


@given(st.lists(st.binary(max_size=4), max_size=40))
def test_the_partners_tree_is_the_ledgers_tree(leaves: list[bytes]) -> None:
    assert verifier().tree([leaf_hash(one) for one in leaves]) == tree_root(leaves)


def test_the_file_stands_alone_and_says_by_its_exit_what_it_found(tmp_path: Path) -> None:
    tree = ast.parse(FILE.read_text())
    imported = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names])
    }
    assert imported <= {*sys.stdlib_module_names, "cryptography"}
    assert FILE.read_text().count("\n") < 150

    empty = {"lines": [], "totals": [], "obligations": [], "accounts": [], "roots": []}
    for name, content in (
        ("statement", empty),
        ("signature", {"key": "key_1", "value": ""}),
        ("keys", {"keys": []}),
        ("proofs", {"data": []}),
    ):
        (tmp_path / f"{name}.json").write_text(json.dumps(content))
    named = [f"--{one}={one}.json" for one in ("signature", "keys", "proofs")]
    done = subprocess.run(
        [sys.executable, FILE, "statement.json", *named], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (1, "foreign_key: key_1 is not one of the hub's keys\n"), done.stderr


def test_a_statement_that_is_not_signed_yet_says_so(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    posted(world, ("aerojet", "staywell", 10_000))
    window = closed(world)
    stated(world, window)

    with database.read() as work:
        kept = store.statement(work, window.id, "staywell")
        with pytest.raises(store.StatementMissing):
            signature(work, kept.id)


def test_a_signature_is_seen_by_its_partner_only(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    posted(world, ("aerojet", "staywell", 10_000))
    stated(world, closed(world))
    with database.work() as work:
        sign_statements(work, VAULT, now=clock.now())

    def seen(partner: str) -> int:
        with database.read(as_partner=partner) as work:
            return int(work.fetch("SELECT count(*) FROM settlement_signature")[0][0])

    assert [seen(partner) for partner in ("aerojet", "staywell", "northbank", "")] == [1, 1, 0, 2]
