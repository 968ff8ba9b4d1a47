"""Files for the bank that its schemas accept, and files from it whose entries settle what they name, once."""

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path

import pytest
import sepaxml
import xmlschema

from hub.commands.payments import _orders
from hub.kernel.clock import ManualClock
from hub.reports.bank_orders import Message, Order, credit_transfers, direct_debits
from hub.reports.bank_reports import FILE_BYTES_MAX, read_report
from hub.settlement.accounts import PayAccount, put_account
from hub.settlement.receiving import receive
from hub.settlement.refusals import PaymentAccountInvalid, PaymentAccountMissing, PaymentFileInvalid
from hub.settlement.types import WindowState
from hub.storage import Database
from tests.conversion.world import World
from tests.settlement.test_payments import instructed, of

SCHEMAS = Path(sepaxml.__file__).parent / "schemas"
HUB = PayAccount(
    "", "USD", "Coalition Hub", "DE89370400440532013000", "COBADEFF", "Berlin", "DE", "", None, "DE98ZZZ09999999999"
)  # fmt: skip
AEROJET = PayAccount(
    "aerojet", "USD", "Aérojet & Söhne <SA>", "FR1420041010050500013M02606", "BNPAFRPP", "Paris", "FR", "AEROJET-1",
    date(2026, 1, 15), "",
)  # fmt: skip
STAYWELL = PayAccount("staywell", "USD", "Staywell", "GB29NWBK60161331926819", "NWBKGB2L", "London", "GB", "", None, "")
WINDOW = "win_01k9x4m2n3p4q5r6s7t8v9w0xz"
MESSAGE = Message(WINDOW, 1, datetime(2026, 4, 30, 22, tzinfo=UTC), date(2026, 5, 15), "Coalition Hub")


@cache
def schema(name: str) -> xmlschema.XMLSchema:
    """A published schema of ISO 20022."""
    return xmlschema.XMLSchema(SCHEMAS / f"{name}.xsd")


def order(ours: PayAccount, theirs: PayAccount, amount: int, exponent: int = 2) -> Order:
    return Order(f"obl_01k9x4m2n3p4q5r6s7t8v9w{amount:03}", amount, exponent, ours, theirs)


def entry(
    amount: str, end_to_end: str, *, direction: str = "CRDT", reference: str = "BANK-1", status: str = "BOOK"
) -> str:
    refs = f"<AcctSvcrRef>{reference}</AcctSvcrRef>" if reference else ""
    return (
        f'<Ntry><Amt Ccy="USD">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd><Sts><Cd>{status}</Cd></Sts><NtryDtls>'
        f'<TxDtls><Refs>{refs}<EndToEndId>{end_to_end}</EndToEndId></Refs><Amt Ccy="USD">{amount}</Amt></TxDtls>'
        "</NtryDtls></Ntry>"
    )


def camt(*entries: str, iban: str = HUB.iban, kind: str = "053") -> bytes:
    outer, inner = {"053": ("BkToCstmrStmt", "Stmt"), "054": ("BkToCstmrDbtCdtNtfctn", "Ntfctn")}[kind]
    space = f"urn:iso:std:iso:20022:tech:xsd:camt.{kind}.001.08"
    return (
        f'<?xml version="1.0"?><Document xmlns="{space}"><{outer}><{inner}><Acct><Id><IBAN>{iban}</IBAN></Id></Acct>'
        f"{''.join(entries)}</{inner}></{outer}></Document>"
    ).encode()


def taken(world: World, content: bytes) -> list[str]:
    """What became of a file's entries."""
    entries, _ = read_report(content)
    return [one.outcome for one in receive(world.database, entries, actor="maya", now=world.clock.now())]


def with_accounts(world: World, *some: PayAccount) -> None:
    with world.database.work() as work:
        for one in some:
            put_account(work, one, actor="maya", now=world.clock.now())


def test_files_for_the_bank_are_what_the_published_schemas_say() -> None:
    yen, ours = replace(STAYWELL, currency="JPY"), replace(HUB, currency="JPY")
    transfers = [order(ours, yen, 500, 0), order(HUB, STAYWELL, 7_840), order(HUB, AEROJET, 12)]

    paid = credit_transfers(MESSAGE, transfers)
    collected = direct_debits(MESSAGE, [order(HUB, AEROJET, 8_000)])

    schema("pain.001.001.09").validate(paid.decode())
    schema("pain.008.001.08").validate(collected.decode())
    assert b"<CtrlSum>578.52</CtrlSum>" in paid
    assert b'<InstdAmt Ccy="JPY">500</InstdAmt>' in paid
    assert b'<InstdAmt Ccy="USD">80.00</InstdAmt>' in collected
    assert "Aérojet &amp; Söhne &lt;SA&gt;".encode() in collected
    assert b"_" not in paid, "a character that SEPA does not take"
    assert paid == credit_transfers(MESSAGE, transfers)
    assert paid != credit_transfers(replace(MESSAGE, sequence=2), transfers)


def test_an_entry_settles_what_it_names_once_whatever_file_it_comes_in(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    found = instructed(world)
    due, owed = of(found, "aerojet").id.replace("_", "-"), of(found, "staywell").id.replace("_", "-")
    with_accounts(world, HUB, AEROJET, STAYWELL)
    part = entry("30.00", due)
    rest = entry("50", due, reference="BANK-2")
    out = entry("78.40", owed, direction="DBIT", reference="BANK-3")

    assert taken(world, camt(part)) == ["paid"]
    assert taken(world, camt(part, kind="054")) == ["paid_before"]
    assert taken(world, camt(entry("50.01", due, reference="BANK-9"))) == ["obligation_overpaid"]
    assert taken(world, camt(part, rest, out)) == ["paid_before", "paid", "paid"]
    assert taken(world, camt(part, rest, out)) == ["paid_before"] * 3

    assert (world.position("aerojet"), world.position("staywell")) == (0, 0)
    with database.read() as work:
        assert work.fetch("SELECT state FROM settlement_window WHERE state <> 'open'") == [(WindowState.SETTLED.value,)]


def test_what_is_not_proven_moves_nothing_and_is_named(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    found = instructed(world)
    due = of(found, "aerojet").id.replace("_", "-")
    with_accounts(world, HUB)
    before = world.position("aerojet")
    cases: Mapping[str, str] = {
        entry("80.00", "INVOICE 12"): "unallocated",
        entry("80.00", "NOTPROVIDED"): "unallocated",
        entry("80.00", due, reference=""): "unallocated",
        entry("80.00", due, direction="DBIT"): "direction_mismatch",
        entry("80.01", due): "obligation_overpaid",
        entry("0.00", due): "obligation_overpaid",
        entry("80.00", due).replace("USD", "EUR"): "currency_mismatch",
        entry("80.00", due).replace("<Sts>", "<RvslInd>true</RvslInd><Sts>"): "reversal",
    }
    with_accounts(world, replace(HUB, currency="EUR"))

    assert [taken(world, camt(one)) for one in cases] == [[outcome] for outcome in cases.values()]
    assert taken(world, camt(entry("80.00", due, status="PDNG"))) == []
    with pytest.raises(PaymentFileInvalid):
        taken(world, camt(entry("80.00", due), iban="GB29NWBK60161331926819"))
    assert world.position("aerojet") == before
    with database.read() as work:
        assert work.fetch("SELECT count(*) FROM settlement_payment") == [(0,)]


def test_an_answer_of_the_bank_is_shown_and_moves_nothing() -> None:
    content = (
        b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.10"><CstmrPmtStsRpt><OrgnlPmtInfAndSts>'
        b"<TxInfAndSts><OrgnlEndToEndId>obl-1</OrgnlEndToEndId><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AC04</Cd></Rsn>"
        b"</StsRsnInf></TxInfAndSts></OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"
    )

    entries, (answer,) = read_report(content)

    assert entries == []
    assert (answer.end_to_end, answer.status, answer.reason) == ("obl-1", "RJCT", "AC04")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not xml",
        b"<Document/>",
        b'<!DOCTYPE a [<!ENTITY b "c">]>' + camt(entry("80.00", "&b;")).partition(b"?>")[2],
        camt(entry("80.00", "x")).replace(b"001.08", b"001.02"),
        camt(entry("80.001", "x")),
        camt(entry("-80.00", "x")),
        camt(entry("8e1", "x")),
        camt(entry("80.00", "x")).replace(b"USD", b"QQQ"),
        b" " * (FILE_BYTES_MAX + 1),
    ],
    ids=["empty", "text", "bare", "entity", "old", "digits", "minus", "float", "currency", "long"],
)
def test_a_file_that_is_not_a_banks_is_refused(content: bytes) -> None:
    with pytest.raises(PaymentFileInvalid):
        read_report(content)


def test_accounts_are_checked_and_only_those_with_a_mandate_are_debited(database: Database, clock: ManualClock) -> None:
    world = World(database, clock)
    found = instructed(world)
    for wrong in (
        replace(HUB, iban="DE89370400440532013001"),
        replace(HUB, bic="cobadeff"),
        replace(HUB, country="Germany"),
        replace(HUB, currency="EURO"),
        replace(HUB, name="a\nb"),
        replace(AEROJET, mandate_on=None),
        replace(AEROJET, creditor="DE98ZZZ09999999999"),
        replace(AEROJET, mandate="a_b"),
    ):
        with pytest.raises(PaymentAccountInvalid), database.work() as work:
            put_account(work, wrong, actor="maya", now=clock.now())

    with database.read() as work, pytest.raises(PaymentAccountMissing):
        _orders(work, found, debits=False)
    with_accounts(world, HUB, AEROJET, STAYWELL)
    with database.read() as work:
        (paid,), (collected,) = _orders(work, found, debits=False), _orders(work, found, debits=True)
        rows = work.fetch("SELECT facts FROM audit_entry WHERE action = 'payment_account_set'")
    with_accounts(world, replace(AEROJET, mandate="", mandate_on=None))
    with database.read() as work:
        assert _orders(work, found, debits=True) == [], "it pays by itself"

    assert (paid.theirs.partner, paid.amount) == ("staywell", 7_840)
    assert (collected.theirs.partner, collected.amount) == ("aerojet", 8_000)
    assert len(rows) == 3
    assert AEROJET.iban not in json.dumps(rows, default=str), "the audit log tells accounts apart and gives none away"
