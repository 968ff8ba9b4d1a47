"""A partner's statement as a document to send: A4, made from the JSON that is kept and its signature.

The same JSON and signature give the same bytes with the same release of fpdf2: nothing in it is of the day it is
printed. Knows how a page looks. Computes no figure but the ones a reader would add up.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fpdf import FPDF
from fpdf.enums import TableBordersLayout, XPos, YPos
from fpdf.fonts import FontFace

from hub.kernel.clock import parse_rfc3339

_FONTS = Path(__file__).parent / "fonts"
_FONT = "DejaVu"

# Points for letters, millimetres for all else.
_MARGIN, _TEXT, _SMALL, _HEAD, _TITLE = 16, 8.5, 7, 11, 18
_ROW = 5
_INK, _PALE, _RULE, _BAND = (28, 36, 48), (104, 114, 128), (206, 212, 220), (242, 245, 248)

_KINDS = {
    "accrual": "Points earned",
    "bonus": "Campaign bonus",
    "clawback": "Points taken back",
    "credit": "Points delivered",
    "debit": "Points converted",
    "fee": "Fees",
    "payment": "Payment",
    "reversal": "Reversals",
}


def statement_pdf(document: bytes, signature: Mapping[str, object]) -> bytes:
    """The statement as PDF. document: its JSON as kept. signature: as `/v1/statements/{id}/signature` shows it."""
    found: dict[str, Any] = json.loads(document)
    page = _Paper(found, hashlib.sha256(document).hexdigest())
    page.add_page()
    page.title_block()
    page.amounts()
    page.obligations()
    page.lines()
    page.elsewhere()
    page.proof(signature)
    return bytes(page.output())


class _Paper(FPDF):
    """One document under construction, from top to bottom."""

    def __init__(self, found: dict[str, Any], digest: str) -> None:
        super().__init__(format="A4", unit="mm")
        self._found, self._digest = found, digest
        for style, name in (("", "DejaVuSansCondensed.ttf"), ("B", "DejaVuSansCondensed-Bold.ttf")):
            self.add_font(_FONT, style, _FONTS / name)
        window = found["window"]
        closed_at = parse_rfc3339(window["closed_at"])
        self.set_creation_date(closed_at.astimezone(UTC))
        self.set_title(f"Settlement statement {window['calendar']} {window['number']}, {found['partner']['name']}")
        self.set_author("Coalition Hub")
        self.set_producer("Coalition Hub")
        self.set_lang("en")
        self.set_margins(_MARGIN, _MARGIN)
        self.set_auto_page_break(True, margin=_MARGIN + 6)
        self.alias_nb_pages()

    def file_id(self) -> str:
        """Two halves that follow from the statement's digest."""
        return f"<{self._digest[:32].upper()}><{self._digest[32:].upper()}>"

    def header(self) -> None:
        """What stands on top of every page."""
        self._write(9, "Coalition Hub", bold=True)
        self.cell(0, 5, "Settlement statement", align="R", new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        self._rule()
        self.ln(5)

    def footer(self) -> None:
        """What stands at the foot of every page."""
        self.set_y(-_MARGIN)
        self._rule()
        self._write(_SMALL, f"{self._found['window']['id']}  ·  SHA-256 {self._digest[:16]}…", color=_PALE)
        self.cell(0, _ROW, f"Page {self.page_no()} of {{nb}}", align="R")

    def title_block(self) -> None:
        """For whom, about what, from when to when."""
        found, window = self._found, self._found["window"]
        zone = ZoneInfo(window["time_zone"])
        opened, closed = (parse_rfc3339(window[name]).astimezone(zone) for name in ("opened_at", "closed_at"))
        self._line(_TITLE, found["partner"]["name"], bold=True, height=9)
        self._line(_TEXT, f"Partner {found['partner']['code']}", color=_PALE)
        self.ln(3)
        facts = (
            ("Window", f"{window['calendar']} no. {window['number']}"),
            ("From", f"{_minute(opened)} (first slice {window['first_slice']})"),
            ("Cut-off", f"{_minute(closed)} (last slice {window['last_slice']})"),
            ("Time zone", window["time_zone"]),
            ("Advice", _day(found["advice_on"])),
            ("Payment due", _day(found["due_on"])),
        )
        half = (self.w - 2 * _MARGIN) / 2
        for place, (name, value) in enumerate(facts):
            self._write(_TEXT, name, color=_PALE, width=24)
            self._write(_TEXT, value, width=half - 24)
            if place % 2:
                self.ln(_ROW)
        self.ln(4)

    def amounts(self) -> None:
        """What is to be paid, large."""
        for one in self._found["obligations"]:
            amount, currency = _grouped(one["amount"].lstrip("-")), one["currency"]
            with_whom = f"  (with {one['counterparty']})" if one["counterparty"] else ""
            text = {
                "hub": f"You receive {amount} {currency} by {_day(self._found['due_on'])}",
                "partner": f"You pay {amount} {currency} by {_day(self._found['due_on'])}",
                "nobody": f"Nothing to pay in {currency}: the position is carried forward",
            }[one["who_pays"]]
            self.set_fill_color(*_BAND)
            self._font(_HEAD, bold=True)
            self.cell(0, 10, f"  {text}{with_whom}", fill=True, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
            self.ln(1.5)
        self.ln(2)

    def obligations(self) -> None:
        """How each amount came about."""
        self._heading("How the amount comes about", "opening + credits − debits = amount + carried forward")
        rows = [
            [
                " ".join(filter(None, (one["currency"], one["counterparty"], one["direction"]))),
                *(_grouped(one[name]) for name in ("opening", "credits", "debits", "amount", "closing")),
            ]
            for one in self._found["obligations"]
        ]
        self._table(
            ("Currency", "Opening", "Credits", "Debits", "Amount", "Carried forward"), rows, (16, 18, 20, 20, 16, 18)
        )

    def lines(self) -> None:
        """What the position moved, with totals by currency."""
        self._heading("Lines", "what was cleared, by agreement and counterparty")
        rows = [_row(line) for line in self._found["lines"]]
        totals = [
            [f"Total {one['currency']}", "", "", f"{one['count']:,}", _grouped(one["credits"]), _grouped(one["debits"])]
            for one in self._found["totals"]
        ]
        self._table(_LINE_HEADS, rows, _LINE_WIDTHS, totals=totals, left=3)

    def elsewhere(self) -> None:
        """What else moved on the account, if anything did."""
        rows = [_row(line) for account in self._found["accounts"] for line in account["elsewhere"]]
        if rows:
            self._heading("Also on your account", "settled already, or billed by another window")
            self._table(_LINE_HEADS, rows, _LINE_WIDTHS, left=3)

    def proof(self, signature: Mapping[str, object]) -> None:
        """Roots, digest and signature: how to check all this."""
        self._heading("Proof", "the hub's signature is over the JSON form of this statement")
        if self._found["roots"]:
            rows = [
                [one["account"], str(one["slice"]), f"{one['first_entry']:,}", f"{one['entries']:,}", one["sha256"]]
                for one in self._found["roots"]
            ]
            self._table(("Account", "Slice", "From no.", "Entries", "Merkle root (SHA-256)"), rows, (23, 7, 11, 10, 66))
        for name, value in (
            ("SHA-256", self._digest),
            ("Signature", f"{signature['algorithm']} {signature['value']}"),
            ("Key", str(signature["key"])),
        ):
            self._write(_SMALL, name, color=_PALE, width=20)
            self._font(_SMALL)
            self.multi_cell(0, _ROW, value, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def _heading(self, text: str, aside: str) -> None:
        if self.will_page_break(24):
            self.add_page()
        self._write(_HEAD, text, bold=True)
        self._write(_SMALL, f"   {aside}", color=_PALE)
        self.ln(6.5)

    def _table(
        self,
        heads: Sequence[str],
        rows: Sequence[Sequence[str]],
        widths: Sequence[int],
        *,
        totals: Sequence[Sequence[str]] = (),
        left: int = 1,
    ) -> None:
        """left: so many columns, and the last one of roots, hold text; the others hold figures."""
        self._font(_SMALL + 0.5)
        self.set_draw_color(*_RULE)
        self.set_fill_color(255, 255, 255)
        text = [place < left or heads[place].startswith("Merkle") for place in range(len(heads))]
        with self.table(
            borders_layout=TableBordersLayout.HORIZONTAL_LINES,
            col_widths=tuple(widths),
            headings_style=FontFace(emphasis="BOLD", color=_PALE, fill_color=(255, 255, 255)),
            line_height=_ROW,
            text_align=tuple("LEFT" if one else "RIGHT" for one in text),
            padding=(0.4, 1),
        ) as table:
            for row in (heads, *rows):
                table.row(row)
            for row in totals:
                table.row(row, style=FontFace(emphasis="BOLD", fill_color=_BAND))
        self.ln(6)

    def _rule(self) -> None:
        self.set_draw_color(*_RULE)
        self.line(_MARGIN, self.get_y() + 0.5, self.w - _MARGIN, self.get_y() + 0.5)
        self.ln(1.5)

    def _font(self, size: float, *, bold: bool = False, color: tuple[int, int, int] = _INK) -> None:
        self.set_font(_FONT, "B" if bold else "", size)
        self.set_text_color(*color)

    def _write(
        self, size: float, text: str, *, bold: bool = False, color: tuple[int, int, int] = _INK, width: float = 0
    ) -> None:
        """Text, and go on to its right."""
        self._font(size, bold=bold, color=color)
        self.cell(width or self.get_string_width(text) + 2, _ROW, text)

    def _line(
        self, size: float, text: str, *, bold: bool = False, color: tuple[int, int, int] = _INK, height: float = _ROW
    ) -> None:
        self._font(size, bold=bold, color=color)
        self.multi_cell(0, height, text, align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)


_LINE_HEADS = ("What", "Counterparty", "Agreement", "Entries", "Credits", "Debits")
_SIDES = ("credits", "debits")
_LINE_WIDTHS = (22, 18, 34, 9, 19, 19)


def _row(line: Mapping[str, Any]) -> list[str]:
    kind = _KINDS.get(line["kind"], line["kind"].replace("_", " ").capitalize())
    figures = (f"{line['count']:,}", *(_grouped(line[side]) if Fraction(line[side]) else "–" for side in _SIDES))
    return [f"{kind}, {line['currency']}", line["counterparty"], line["agreement"], *figures]


def _grouped(text: str) -> str:
    """A decimal string with its thousands apart and a typographic minus."""
    sign, digits = ("−", text[1:]) if text.startswith("-") else ("", text)
    whole, point, rest = digits.partition(".")
    return f"{sign}{int(whole):,}{point}{rest}"


def _day(text: str) -> str:
    return f"{date.fromisoformat(text):%d %B %Y}".lstrip("0")


def _minute(at: datetime) -> str:
    return f"{at:%d %B %Y %H:%M}".lstrip("0")
