"""The documented ways to verify a webhook say yes to what the hub signs and no to everything else."""

import base64
import json
import re
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from hub.kernel.clock import to_seconds
from hub.webhooks.signing import SigningSecret, signed_headers
from hub.webhooks.states import Scheme
from tests.conftest import START

DOCS = Path(__file__).resolve().parents[2] / "docs" / "webhooks"
PAGE = (DOCS / "verifying.md").read_text(encoding="utf-8")
VECTORS = DOCS / "vectors.json"

NODE = [tool] if (tool := shutil.which("node")) else []
JAVA = [tool] if (tool := shutil.which("java")) else []
PHP = [tool] if (tool := shutil.which("php")) else []

# Plainly keys of tests: nobody may think that they protect anything.
OLD, NEW, OTHER = (
    SigningSecret(Scheme.V1, f"test key, {name}".ljust(32, ".").encode()) for name in ("old", "new", "other")
)
KEY, OTHER_KEY = (
    SigningSecret(Scheme.V1A, f"test Ed25519 {name}".ljust(32, ".").encode()) for name in ("key", "other")
)
ID = "evt_01krjw0000000000000000000e"
BODY = (
    '{"id":"evt_01krjw0000000000000000000e","type":"conversion.posted","timestamp":"2026-04-06T09:00:00.000000Z",'
    '"subject":"cnv_01krjw0000000000000000000c","sequence":1,"live":false,"data":{"conversion":'
    '"cnv_01krjw0000000000000000000c","reason":"Zoë, \\"naïve\\"","state":"posted"}}'
)


def case(
    name: str,
    *,
    valid: bool,
    held: tuple[SigningSecret, ...] = (NEW,),
    keys: tuple[str, ...] = (),
    late: int = 2,
    body: str = BODY,
    **changed: str,
) -> dict[str, object]:
    """One vector. held: what it is signed with. keys: what the receiver has. late: seconds from signing to now."""
    headers = {
        **signed_headers(ID, START, BODY.encode(), held),
        **{key.replace("_", "-"): one for key, one in changed.items()},
    }
    return {
        "name": name,
        "valid": valid,
        "keys": list(keys or (NEW.text,)),
        "now": to_seconds(START) + late,
        "headers": headers,
        "body": body,
    }


def vectors() -> list[dict[str, object]]:
    signature = signed_headers(ID, START, BODY.encode(), (NEW,))["webhook-signature"]
    by_key = signed_headers(ID, START, BODY.encode(), (KEY,))["webhook-signature"]
    return [
        case("v1", valid=True),
        case("v1a", valid=True, held=(KEY,), keys=(KEY.public,)),
        case("both schemes, the receiver has the secret", valid=True, held=(KEY, NEW)),
        case("both schemes, the receiver has the public key", valid=True, held=(NEW, KEY), keys=(KEY.public,)),
        case("rotation, the receiver has the old secret", valid=True, held=(NEW, OLD), keys=(OLD.text,)),
        case("rotation, the receiver has the new secret", valid=True, held=(NEW, OLD), keys=(NEW.text,)),
        case("rotation, the receiver has both", valid=True, held=(OLD,), keys=(NEW.text, OLD.text)),
        case("rotation of a key, the receiver has both", valid=True, held=(KEY,), keys=(OTHER_KEY.public, KEY.public)),
        case("five minutes old", valid=True, late=300),
        case("five minutes ahead", valid=True, late=-300),
        case("stale", valid=False, late=301),
        case("from the future", valid=False, late=-301),
        case("stale, v1a", valid=False, held=(KEY,), keys=(KEY.public,), late=301),
        case("tampered body", valid=False, body=BODY.replace("posted", "voided")),
        case("tampered body, v1a", valid=False, held=(KEY,), keys=(KEY.public,), body=BODY + " "),
        case("body written anew", valid=False, body=json.dumps(json.loads(BODY))),
        case("another id", valid=False, webhook_id="evt_01krjw0000000000000000000f"),
        case("another time", valid=False, webhook_timestamp=str(to_seconds(START) + 1)),
        case("no time", valid=False, webhook_timestamp="soon"),
        case("foreign secret", valid=False, held=(OTHER,)),
        case("foreign key", valid=False, held=(OTHER_KEY,), keys=(KEY.public,)),
        case("unsigned", valid=False, webhook_signature=""),
        case("a secret's signature said to be a key's", valid=False, keys=(KEY.public,),
             webhook_signature=signature.replace("v1,", "v1a,")),
        case("a key's signature said to be a secret's", valid=False, webhook_signature=by_key.replace("v1a,", "v1,")),
        case("no base64", valid=False, webhook_signature="v1,A"),
        case("no base64, v1a", valid=False, keys=(KEY.public,), webhook_signature="v1a,A"),
        case("no digits of ours", valid=False, webhook_timestamp="\u00b2"),
        case("a scheme of another time", valid=False, webhook_signature=signature.replace("v1,", "v2,")),
    ]  # fmt: skip


def block(language: str) -> str:
    return PAGE.split(f"```{language}\n")[1].split("```")[0]


def kept() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(VECTORS.read_text(encoding="utf-8"))["cases"]
    return found


def test_the_vectors_are_what_the_hub_signs() -> None:
    about = "Requests of the hub to an endpoint, signed with keys that are made for tests and protect nothing."

    text = json.dumps({"about": about, "cases": vectors()}, ensure_ascii=False, indent=2) + "\n"

    assert VECTORS.read_text(encoding="utf-8") == text
    assert {one["valid"] for one in kept()} == {True, False}


def test_python() -> None:
    program: dict[str, Any] = {}
    exec(block("python"), program)
    verify: Callable[[list[str], Mapping[str, str], bytes, int], bool] = program["verify"]

    for one in kept():
        assert verify(one["keys"], one["headers"], one["body"].encode(), one["now"]) is one["valid"], one["name"]


@pytest.mark.parametrize("node", NODE, ids=["node"] * len(NODE))
def test_javascript(node: str, tmp_path: Path) -> None:
    (tmp_path / "verify.mjs").write_text(block("javascript"), encoding="utf-8")
    (tmp_path / "try.mjs").write_text(
        'import { readFileSync } from "node:fs";\nimport { verify } from "./verify.mjs";\n'
        f"const {{ cases }} = JSON.parse(readFileSync({json.dumps(str(VECTORS))}));\n"
        "const say = (one) => [one.name, verify(one.keys, one.headers, Buffer.from(one.body), one.now)];\n"
        "console.log(JSON.stringify(cases.map(say)));\n"
    )

    said = subprocess.run([node, tmp_path / "try.mjs"], capture_output=True, text=True, check=True).stdout

    assert json.loads(said) == [[one["name"], one["valid"]] for one in kept()]


def lines() -> str:
    """The vectors for languages that read no JSON by themselves: one a line, tabs between."""
    return "\n".join(
        "\t".join(
            [
                " ".join(one["keys"]),
                *(one["headers"][name] for name in ("webhook-id", "webhook-timestamp", "webhook-signature")),
                base64.b64encode(one["body"].encode()).decode(),
                str(one["now"]),
            ]
        )
        for one in kept()
    )


@pytest.mark.parametrize("java", JAVA, ids=["java"] * len(JAVA))
def test_java(java: str, tmp_path: Path) -> None:
    (tmp_path / "cases").write_text(lines(), encoding="utf-8")
    imports, _, code = block("java").partition("\nclass ")
    (tmp_path / "Try.java").write_text(f"{imports}\n{_TRY}\nclass {code}", encoding="utf-8")

    said = subprocess.run(
        [java, "-XX:TieredStopAtLevel=1", str(tmp_path / "Try.java"), str(tmp_path / "cases")],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip

    assert said.split() == [str(one["valid"]).lower() for one in kept()]


@pytest.mark.parametrize("php", PHP, ids=["php"] * len(PHP))
def test_php(php: str, tmp_path: Path) -> None:
    (tmp_path / "try.php").write_text(
        block("php")
        + """foreach (json_decode(file_get_contents($argv[1]), true)['cases'] as $one) {
            echo verify($one['keys'], $one['headers'], $one['body'], $one['now']) ? "true\\n" : "false\\n";
        }"""
    )

    said = subprocess.run(
        [php, str(tmp_path / "try.php"), str(VECTORS)], capture_output=True, text=True, check=True
    ).stdout

    assert said.split() == [str(one["valid"]).lower() for one in kept()]


@pytest.mark.parametrize("language", ["python", "javascript", "java", "go", "php"])
def test_each_is_short_enough_to_be_read_at_once(language: str) -> None:
    code = [line.strip() for line in block(language).split("import (")[-1].splitlines()]
    own = [line for line in code if re.search(r"\w", line) and not re.match(r'(import|from|package|"|<\?php)', line)]

    assert 10 <= len(own) <= 20


_TRY = """
class Try {
    public static void main(String[] arguments) throws Exception {
        for (String line : java.nio.file.Files.readAllLines(java.nio.file.Path.of(arguments[0]))) {
            String[] part = line.split("\\t", -1);
            Map<String, String> headers = Map.of(
                "webhook-id", part[1], "webhook-timestamp", part[2], "webhook-signature", part[3]);
            System.out.println(Webhooks.verify(
                List.of(part[0].split(" ")), headers, Base64.getDecoder().decode(part[4]), Long.parseLong(part[5])));
        }
    }
}
"""
