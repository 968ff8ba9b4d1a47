#!/usr/bin/env python3
"""Check a statement of the hub without trusting the hub: who signed it, that it adds up, and that it is complete.

    verify_statement.py statement.json --signature signature.json --keys statement-keys.json --proofs proofs*.json \
        [--previous statement-before.json]

Needs Python 3.11 and `cryptography`. Keep the hub's keys from the first time you fetched them: a key that is new needs
an explanation. Exit 0 if the statement is genuine; otherwise 1, with one line for each thing that is wrong: its name, a
colon, and what was found. The leaf of an entry and the tree over them are those of RFC 6962, section 2.1.
"""

import argparse
import base64
import hashlib
import json
import sys
from fractions import Fraction
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def verify(document, signature, keys, pages, previous=None):
    """What is wrong, as (name, explanation); nothing if the statement is genuine. document: its bytes, as fetched."""
    found = list(check_signature(document, signature, keys))
    statement = json.loads(document)
    found += check_lines(statement)
    entries = {}
    for page in pages:
        for entry in page["data"]:
            entries.setdefault((entry["account"], entry["slice"]), []).append(entry)
    found += check_entries(statement, entries)
    return found + list(check_previous(statement, previous) if previous else ())


def check_signature(document, signature, keys):
    """The bytes are those that a key of the hub signed."""
    known = {key["kid"]: key for key in keys["keys"]}
    key = known.get(signature["key"])
    if key is None or key["crv"] != "Ed25519":
        yield "foreign_key", f"{signature['key']} is not one of the hub's keys"
        return
    try:
        Ed25519PublicKey.from_public_bytes(unpadded(key["x"])).verify(unpadded(signature["value"]), document)
    except InvalidSignature:
        yield "statement_changed", "these are not the bytes that were signed"


def check_lines(statement):
    """The lines add up to the control totals and to the obligations."""
    for total in statement["totals"]:
        lines = [line for line in statement["lines"] if line["currency"] == total["currency"]]
        shown, count = sum(line["count"] for line in lines), total["count"]
        if shown != count:
            name = "line_removed" if shown < count else "line_added"
            yield name, f"{total['currency']}: the lines stand for {shown} entries, the total for {count}"
        elif any(summed(lines, side) != Fraction(total[side]) for side in ("debits", "credits")):
            yield "line_changed", f"{total['currency']}: the lines do not add up to the total"
    for one in statement["obligations"]:
        moved = Fraction(one["credits"]) - Fraction(one["debits"])
        if Fraction(one["opening"]) + moved != Fraction(one["amount"]) + Fraction(one["closing"]):
            yield "obligation_changed", f"{one['id']}: opening + credits - debits is not amount + closing"


def check_entries(statement, entries):
    """Every account's entries are all there, in order, as signed, and are what the lines and `elsewhere` say."""
    for account in statement["accounts"]:
        code, number, unit = account["account"], account["entries_before"], Fraction(1, 10 ** account["digits"])
        balance, roots = Fraction(account["opening"]) / unit, []
        for root in (one for one in statement["roots"] if one["account"] == code):
            shown = entries.pop((code, root["slice"]), [])
            numbers = [one["entry"] for one in shown]
            if numbers != list(range(number + 1, number + 1 + root["entries"])) or root["first_entry"] != number + 1:
                name = "entry_removed" if len(numbers) < root["entries"] else "entry_added"
                name = name if numbers == sorted(numbers) else "history_reordered"
                yield name, f"{code}, slice {root['slice']}: not the {root['entries']} entries after {number}, in order"
            for one in shown:
                balance += int(one["amount"])
                if balance != int(one["balance_after"]):
                    yield "entry_changed", f"{code} {one['entry']}: the balance does not follow from the entry before"
                    balance = Fraction(one["balance_after"])
            if tree(list(map(leaf, shown))).hex() != root["sha256"]:
                roots.append(str(root["slice"]))
            number += root["entries"]
        if roots:
            yield "history_rewritten", f"{code}: other entries than those that were signed, slice {', '.join(roots)}"
        if balance * unit != Fraction(account["closing"]) or number != account["entries_before"] + account["entries"]:
            yield "closing_wrong", f"{code}: the entries do not lead to what the statement closes with"
        lines = [one for one in statement["lines"] if one["currency"] == account["currency"]] + account["elsewhere"]
        change, count = Fraction(account["closing"]) - Fraction(account["opening"]), sum(one["count"] for one in lines)
        if (summed(lines, "credits") - summed(lines, "debits"), count) != (change, account["entries"]):
            yield "unexplained", f"{code}: the lines and what is elsewhere are not what its entries come to"
    for code, period in entries:
        yield "entry_added", f"{code}: entries of slice {period}, which the statement does not name"


def check_previous(statement, previous):
    """This statement goes on where the one before it ended, unless there is a window between them."""
    before = {one["account"]: one for one in previous["accounts"]}
    if statement["window"]["first_slice"] == previous["window"]["last_slice"] + 1:
        for one in (one for one in statement["accounts"] if one["account"] in before):
            last = before[one["account"]]
            if (one["opening"], one["entries_before"]) != (last["closing"], last["entries_before"] + last["entries"]):
                yield "history_rewritten", f"{one['account']}: does not go on where the statement before ended"


def summed(lines, side):
    return sum((Fraction(line[side]) for line in lines), Fraction(0))


def leaf(entry):
    text = "\n".join((str(entry["entry"]), entry["amount"], entry["balance_after"], entry["posting"]))
    return hashlib.sha256(b"\x00" + text.encode()).digest()


def tree(hashes):
    """The root over these leaf hashes: an odd one at the end of a level goes up as it is."""
    while len(hashes) > 1:
        pairs = [hashlib.sha256(b"\x01" + b"".join(hashes[i : i + 2])).digest() for i in range(0, len(hashes) - 1, 2)]
        hashes = pairs + hashes[len(hashes) - len(hashes) % 2 :]
    return hashes[0] if hashes else hashlib.sha256(b"").digest()


def read(path):
    return json.loads(Path(path).read_bytes())


def unpadded(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("statement", type=Path)
    parser.add_argument("--signature", type=read, required=True)
    parser.add_argument("--keys", type=read, required=True)
    parser.add_argument("--proofs", type=read, nargs="+", required=True)
    parser.add_argument("--previous", type=read)
    asked = parser.parse_args()
    found = verify(asked.statement.read_bytes(), asked.signature, asked.keys, asked.proofs, asked.previous)
    sys.stdout.writelines(f"{name}: {explained}\n" for name, explained in found or [("genuine", "nothing is wrong")])
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
