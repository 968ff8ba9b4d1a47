"""Merkle trees over lists of leaves, with proofs that a leaf is in one and that one begins another.

Pure; leaves are bytes. Interior nodes and leaves are told apart by a first byte, so that neither can pass as the other.
Source: RFC 6962, section 2.1.
"""

import hashlib
from collections.abc import Iterable, Sequence


def leaf_hash(leaf: bytes) -> bytes:
    """SHA-256 of 0 and the leaf."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 of 1 and both children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def tree_root(leaves: Iterable[bytes]) -> bytes:
    """Root over leaves in their order; memory grows with the height of the tree only. SHA-256 of nothing for none."""
    peaks: list[tuple[int, bytes]] = []
    for leaf in leaves:
        size, found = 1, leaf_hash(leaf)
        while peaks and peaks[-1][0] == size:
            found = node_hash(peaks.pop()[1], found)
            size *= 2
        peaks.append((size, found))
    if not peaks:
        return hashlib.sha256(b"").digest()
    found = peaks.pop()[1]
    while peaks:
        found = node_hash(peaks.pop()[1], found)
    return found


def inclusion_proof(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The audit path of the leaf at `index`: hashes from the leaf up to the root. hashes: leaf hashes in order."""
    assert 0 <= index < len(hashes), "a proof is for a leaf of the tree"
    if len(hashes) == 1:
        return []
    middle = _split(len(hashes))
    if index < middle:
        return [*inclusion_proof(hashes[:middle], index), _root_of(hashes[middle:])]
    return [*inclusion_proof(hashes[middle:], index - middle), _root_of(hashes[:middle])]


def consistency_proof(hashes: Sequence[bytes], size: int) -> list[bytes]:
    """Hashes that show that the tree over the first `size` leaves begins the tree over all of them."""
    assert 0 < size <= len(hashes), "a proof is for a beginning of the tree"
    return _subproof(hashes, size, whole=True)


def verify_proof(leaf: bytes, *, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `leaf` is at `index` of the tree of `size` leaves with this root."""
    if not 0 <= index < size:
        return False
    position, last = index, size - 1
    found = leaf_hash(leaf)
    for other in proof:
        if last == 0:
            return False
        if position % 2 or position == last:
            found = node_hash(other, found)
            while position % 2 == 0 and position:
                position, last = position // 2, last // 2
        else:
            found = node_hash(found, other)
        position, last = position // 2, last // 2
    return last == 0 and found == root


def verify_consistency(*, size_before: int, root_before: bytes, size: int, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the tree with `root_before` begins the tree with `root`: nothing before was changed or left out."""
    if not 0 < size_before <= size:
        return False
    if size_before == size:
        return not proof and root_before == root
    hashes = list(proof)
    if size_before & (size_before - 1) == 0:
        hashes.insert(0, root_before)
    if not hashes:
        return False
    position, last = size_before - 1, size - 1
    while position % 2:
        position, last = position // 2, last // 2
    before = found = hashes[0]
    for other in hashes[1:]:
        if last == 0:
            return False
        if position % 2 or position == last:
            before, found = node_hash(other, before), node_hash(other, found)
            while position % 2 == 0 and position:
                position, last = position // 2, last // 2
        else:
            found = node_hash(found, other)
        position, last = position // 2, last // 2
    return last == 0 and before == root_before and found == root


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _root_of(hashes: Sequence[bytes]) -> bytes:
    if len(hashes) == 1:
        return hashes[0]
    middle = _split(len(hashes))
    return node_hash(_root_of(hashes[:middle]), _root_of(hashes[middle:]))


def _subproof(hashes: Sequence[bytes], size: int, *, whole: bool) -> list[bytes]:
    if size == len(hashes):
        return [] if whole else [_root_of(hashes)]
    middle = _split(len(hashes))
    if size <= middle:
        return [*_subproof(hashes[:middle], size, whole=whole), _root_of(hashes[middle:])]
    return [*_subproof(hashes[middle:], size - middle, whole=False), _root_of(hashes[:middle])]
