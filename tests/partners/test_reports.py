"""Reports say the same in every form: valid for machines, readable for people, harmless whatever a brand says."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from xml.etree.ElementTree import Element

import pytest
from defusedxml.ElementTree import fromstring

from partners.conformance import FORMATS, Finding, Group, Report, Verdict, check_folder
from partners.registry import BRANDS_FOLDER
from tests.leaks import LEAKS
from tests.partners.mistakes import TEN, planted

AT = datetime(2026, 4, 6, 9, 0, tzinfo=UTC)
NASTY = 'saw <script>alert("1")</script> & \x00 \x1b[31m \ud800 ]]> "quoted".'
FINDINGS = (
    Finding("move.once", Group.HAPPY, "One instruction is one call.", Verdict.PASSED, "", 12),
    Finding("move.key", Group.HAPPY, "Each under its own key.", Verdict.FAILED, NASTY, 1_234),
    Finding("many.none", Group.MANY, "Of none nothing is sent.", Verdict.NOT_APPLICABLE, "not stated", 0),
)
REPORT = Report("acme", "Acme & Söhne <1>", "rest", AT, FINDINGS)
KEPT = replace(REPORT, findings=FINDINGS[:1])


def _junit(report: Report) -> Element:
    text = FORMATS["junit"](report)
    root: Element = fromstring(text.encode("utf-8"))
    return root


def test_junit_has_a_suite_for_each_group_and_counts_that_tie_out() -> None:
    root = _junit(REPORT)

    assert root.tag == "testsuites"
    assert [suite.get("name") for suite in root] == ["happy paths", "many at once"]
    for element in (root, *root):
        cases = list(element.iter("testcase"))
        told = {name: int(element.get(name, "-1")) for name in ("tests", "failures", "errors")}
        assert told == {
            "tests": len(cases),
            "failures": sum(case.find("failure") is not None for case in cases),
            "errors": 0,
        }
    assert [int(suite.get("skipped", "-1")) for suite in root] == [0, 1]
    assert root.get("time") == "1.246"


def test_junit_has_only_what_its_schema_knows() -> None:
    known = {
        "testsuites": {"name", "tests", "failures", "errors", "time"},
        "testsuite": {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"},
        "testcase": {"name", "classname", "time"},
        "failure": {"message", "type"},
        "skipped": {"message"},
    }

    for element in _junit(REPORT).iter():
        assert set(element.attrib) == known[element.tag], element.tag


def test_json_ties_out_with_the_findings() -> None:
    document = json.loads(FORMATS["json"](replace(REPORT, findings=FINDINGS[:1] + FINDINGS[2:])))

    assert document["passed"] is True
    assert document["counts"] == {"passed": 1, "failed": 0, "not_applicable": 1}
    assert [one["check"] for one in document["findings"]] == ["move.once", "many.none"]
    assert document["at"] == "2026-04-06T09:00:00+00:00"


class _Page(HTMLParser):
    """What a page is made of. outside: addresses that would be fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.outside: list[str] = []
        self.attributes: dict[str, list[dict[str, str | None]]] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.tags.append(tag)
        self.attributes.setdefault(tag, []).append(named)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.targets += [value[1:] for name, value in attrs if name == "href" and value and value.startswith("#")]
        self.outside += [
            value or ""
            for name, value in attrs
            if name in ("src", "href", "action") and not (value or "").startswith("#")
        ]


def _page(report: Report) -> _Page:
    page = _Page()
    page.feed(FORMATS["html"](report))
    return page


def test_the_page_needs_nothing_from_elsewhere_and_runs_nothing() -> None:
    page = _page(REPORT)

    assert page.outside == []
    assert {"script", "link", "img", "iframe", "form"} & set(page.tags) == set()
    assert "@import" not in FORMATS["html"](REPORT)
    assert "url(" not in FORMATS["html"](REPORT)


def test_the_page_can_be_read_aloud() -> None:
    page = _page(REPORT)
    text = FORMATS["html"](REPORT)

    assert page.attributes["html"] == [{"lang": "en"}]
    assert [tag for tag in page.tags if tag in ("h1", "h2", "h3")] == ["h1", "h2", "h2"]
    assert page.tags.count("caption") == page.tags.count("table") == 2
    assert all(named.get("scope") in ("row", "col") for named in page.attributes["th"])
    assert set(page.targets) <= set(page.ids)
    assert len(set(page.ids)) == len(page.ids)
    assert ">failed<" in text, "a verdict is a word and not a colour alone"
    assert "<title>" in text
    assert "main" in page.tags


@pytest.mark.parametrize("style", list(FORMATS))
def test_every_form_says_whether_the_contract_is_kept(style: str) -> None:
    broken, kept = FORMATS[style](REPORT), FORMATS[style](KEPT)

    assert broken != kept
    broken.encode("utf-8", "strict" if style in ("junit", "html") else "surrogatepass")


def test_nothing_tried_is_nothing_proven() -> None:
    nothing = replace(REPORT, findings=FINDINGS[2:])

    assert not nothing.passed
    assert "nothing is proven" in FORMATS["text"](nothing)


def test_a_report_of_a_broken_brand_tells_no_secret(tmp_path: Path) -> None:
    report = check_folder(planted(tmp_path, TEN["secret logged"]), only=["secret"])
    assert LEAKS.found(), "the mistake that was planted shows, as it has to"

    for style in FORMATS.values():
        assert "'client_secret': '***'" in style(report).replace("&#x27;", "'").replace("&#39;", "'")


def test_brands_that_are_not_called_are_reported_honestly() -> None:
    hosted, files = (check_folder(BRANDS_FOLDER / code) for code in ("bluebean", "corner_shop"))

    assert (hosted.kind, files.kind) == ("hosted", "files")
    assert hosted.passed
    assert files.passed
    assert [one.sentence for one in files.failures] == []
    left = {one.check: one.sentence for one in (*hosted.findings, *files.findings) if one.verdict == "not applicable"}
    assert set(left) == {"hosted.calls"}
    assert "there is no partner to call" in left["hosted.calls"]
