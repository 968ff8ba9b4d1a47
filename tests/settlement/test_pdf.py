"""The statement as a document: everything that the JSON says, on numbered pages, the same bytes each time."""

import hashlib
import io
import json
from typing import Any

from pypdf import PdfReader

from hub.kernel.clock import ManualClock
from hub.reports.pdf import statement_pdf
from hub.storage import Database
from tests.conversion.world import World
from tests.settlement.test_verifying import files
from tests.settlement.test_windows import closed, posted, stated

SIGNATURE = {"algorithm": "Ed25519", "key": "key_1", "value": "c2lnbmVk"}


def pages(pdf: bytes) -> list[str]:
    """The text of every page."""
    return [page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages]


def grown(document: bytes, *, lines: int, name: str) -> bytes:
    """The same statement with so many lines, of a partner with this name."""
    found: dict[str, Any] = json.loads(document)
    found["partner"]["name"] = name
    found["lines"] = [found["lines"][0] | {"counterparty": f"brand_{number}"} for number in range(lines)]
    return json.dumps(found).encode()


def test_the_document_says_what_the_statement_says(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    posted(world, ("aerojet", "staywell", 1_234_500), ("staywell", "northbank", 5_000))
    window = closed(world)
    stated(world, window)
    made = files(world, window)
    found = json.loads(made.document)

    pdf = statement_pdf(made.document, made.signature)
    (text,) = pages(pdf)

    assert pdf == statement_pdf(made.document, made.signature), "the same bytes"
    (one,) = found["obligations"]
    assert f"You receive {float(one['amount']):,.2f} USD" in text
    for line in found["lines"]:
        assert line["agreement"] in text
        assert line["counterparty"] in text
    for root in found["roots"]:
        assert root["sha256"] in text
    assert hashlib.sha256(made.document).hexdigest() in text
    assert made.signature["value"] in text
    assert made.signature["key"] in text
    assert "Page 1 of 1" in text

    name = "Société Łódź Авиа Ελλάς"
    long = pages(statement_pdf(grown(made.document, lines=120, name=name), SIGNATURE))

    assert len(long) > 2
    assert name in long[0]
    assert all(f"Page {number} of {len(long)}" in text for number, text in enumerate(long, start=1))
    assert all("Counterparty" in text for text in long[:-1]), "every page of the table has its headings"
    assert sum(text.count("brand_") for text in long) == 120
