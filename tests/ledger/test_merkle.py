"""Merkle roots: the tree is that of RFC 6962, its proofs prove, and a statement is complete or is caught."""

import hashlib
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub import ledger
from hub.ledger.merkle import (
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    tree_root,
    verify_consistency,
    verify_proof,
)
from hub.storage import Database
from tests.ledger.support import NOW, booked, differences, opened, post_of

# Source: the test vectors of Certificate Transparency (google/certificate-transparency, merkletree tests).
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_published_vectors(size: int) -> None:
    assert tree_root(LEAVES[:size]).hex() == ROOTS[size - 1]


def test_the_root_of_nothing_is_the_hash_of_nothing() -> None:
    assert tree_root([]) == hashlib.sha256(b"").digest()


@pytest.mark.parametrize("size", range(1, 20))
def test_every_leaf_has_a_proof_and_nothing_else_has(size: int) -> None:
    leaves = [bytes([number]) for number in range(size)]
    hashes, root = [leaf_hash(leaf) for leaf in leaves], tree_root(leaves)

    for index, leaf in enumerate(leaves):
        proof = inclusion_proof(hashes, index)
        assert verify_proof(leaf, index=index, size=size, proof=proof, root=root)
        assert not verify_proof(b"other", index=index, size=size, proof=proof, root=root)
        assert not verify_proof(leaf, index=index + 1, size=size, proof=proof, root=root)
        assert not verify_proof(leaf, index=index, size=size, proof=[*proof, root], root=root)
        assert not proof or not verify_proof(leaf, index=index, size=size, proof=proof[:-1], root=root)
        assert not verify_proof(leaf, index=-1, size=size, proof=proof, root=root)


@pytest.mark.parametrize("size", range(1, 20))
def test_a_tree_that_only_grew_is_consistent_and_a_rewritten_one_is_not(size: int) -> None:
    leaves = [bytes([number]) for number in range(size)]
    hashes, root = [leaf_hash(leaf) for leaf in leaves], tree_root(leaves)

    for before in range(1, size + 1):
        proof = consistency_proof(hashes, before)
        old = tree_root(leaves[:before])
        other = tree_root([b"rewritten", *leaves[1:before]])
        assert verify_consistency(size_before=before, root_before=old, size=size, root=root, proof=proof)
        assert not verify_consistency(size_before=before, root_before=other, size=size, root=root, proof=proof)
        assert not verify_consistency(size_before=before, root_before=old, size=size, root=root, proof=[*proof, root])
        assert not verify_consistency(size_before=size + 1, root_before=old, size=size, root=root, proof=proof)
    assert size == 1 or not verify_consistency(size_before=3, root_before=root, size=9, root=root, proof=[])


@settings(max_examples=60)
@given(st.lists(st.binary(max_size=3), min_size=1, max_size=40), st.data())
def test_a_changed_leaf_changes_the_root(leaves: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(leaves) - 1))
    changed = [*leaves[:index], leaves[index] + b"x", *leaves[index + 1 :]]

    assert tree_root(changed) != tree_root(leaves)


def _two_periods(database: Database) -> None:
    opened(database, {"p": None, "hub": None, "idle": None})
    for period in (1, 2):
        with booked(database, "p hub", " ".join(f"{period}-{number}" for number in range(5))) as book:
            for number in range(5):
                book.post(post_of(f"{period}-{number}", ("hub", "p", number + period)))
        with database.work() as work:
            ledger.close_period(work, now=NOW)


def test_a_statement_is_complete_by_its_root_and_proofs(database: Database) -> None:
    _two_periods(database)

    with database.work() as work:
        first, second = (ledger.seal_period(work, period, ["p"])[0] for period in (1, 2))
        shown = list(ledger.leaves(work, second))
        proofs = [ledger.prove(work, second, version) for version in range(6, 11)]

    assert (first.version_first, first.size, second.version_first, second.size) == (1, 5, 6, 5)
    assert all(proof.holds() for proof in proofs)
    assert [proof.leaf for proof in proofs] == shown
    assert ledger.verify_complete(second.root, 6, shown, balance_before=15)
    assert not ledger.verify_complete(second.root, 6, shown[:-1], balance_before=15)
    assert not ledger.verify_complete(second.root, 6, [*shown[:1], *shown[2:]], balance_before=15)
    assert not ledger.verify_complete(second.root, 5, shown, balance_before=15)
    assert not ledger.verify_complete(second.root, 6, shown, balance_before=14)
    assert not replace(proofs[0], leaf=replace(proofs[0].leaf, amount=99)).holds()
    assert differences(database) == []


def test_sealing_a_period_again_gives_the_same_roots(database: Database) -> None:
    _two_periods(database)
    with database.work() as work:
        once = ledger.seal_period(work, 1, ["p"])

    with database.work() as work:
        again = ledger.seal_period(work, 1, ["p", "hub", "idle"])

    assert [one.account for one in again] == ["hub", "idle", "p"]
    assert again[2:] == once
    assert again[1].size == 0


def test_an_open_period_has_no_root(database: Database) -> None:
    _two_periods(database)

    for period in (3, 4):
        with pytest.raises(ledger.PeriodOpen), database.work() as work:
            ledger.seal_period(work, period, ["p"])


def test_an_unknown_account_has_no_root(database: Database) -> None:
    _two_periods(database)

    with pytest.raises(ledger.AccountMissing), database.work() as work:
        ledger.seal_period(work, 1, ["p", "nobody"])


def test_a_leaf_shows_the_same_posting_differently_to_each_side(database: Database) -> None:
    _two_periods(database)

    with database.work() as work:
        ours, theirs = ledger.seal_period(work, 1, ["hub", "p"])
        left = [leaf.posting for leaf in ledger.leaves(work, ours)]
        right = [leaf.posting for leaf in ledger.leaves(work, theirs)]

    assert not set(left) & set(right)
