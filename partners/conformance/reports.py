"""A report as text, JSON, JUnit XML and HTML. Pure functions from a report to a text; no brand and no file.

JUnit as the schema of the Jenkins xUnit plugin has it: one suite for each group, a case for each check.
"""

import html
import json
import re
from collections.abc import Callable, Mapping
from itertools import groupby
from types import MappingProxyType
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from partners.conformance.types import Finding, Report, Verdict

_MARKS = {Verdict.PASSED: "ok", Verdict.FAILED: "FAILED", Verdict.NOT_APPLICABLE: "-"}
# What XML 1.0 cannot carry (section 2.2), however it is escaped, and no terminal should be told.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STYLE = """
:root { color-scheme: light dark; --ok: #0a6b2d; --no: #b00020; --quiet: #595959; --line: #8888; }
@media (prefers-color-scheme: dark) { :root { --ok: #6fdc8c; --no: #ff8389; --quiet: #c6c6c6; } }
body { font: 1rem/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; margin-bottom: 2rem; }
caption { text-align: left; font-weight: 600; padding: .5rem 0; }
th, td { text-align: left; vertical-align: top; padding: .4rem .6rem; border-bottom: 1px solid var(--line); }
td:nth-child(3) { white-space: nowrap; }
code { overflow-wrap: anywhere; }
.passed { color: var(--ok); } .failed { color: var(--no); font-weight: 600; } .not { color: var(--quiet); }
"""


def as_text(report: Report) -> str:
    """For people at a terminal: failures first and last, since both are looked at."""
    lines = [f"{report.name} ({report.brand}, {report.kind}): {_summary(report)}", ""]
    for group, findings in groupby(report.findings, key=lambda one: one.group):
        lines.append(str(group))
        for one in findings:
            lines.append(f"  {_MARKS[one.verdict]:<6} {one.check:<24} {one.promise}")
            if one.verdict is Verdict.FAILED:
                lines.append(f"         {'':<24} {_clean(one.sentence)}")
            elif one.verdict is Verdict.NOT_APPLICABLE:
                lines.append(f"         {'':<24} not applicable: {_clean(one.sentence)}")
    if report.failures:
        lines += ["", "What to mend, in this order; the first often explains the rest:"]
        lines += [f"  {number}. {one.check}: {_clean(one.sentence)}" for number, one in enumerate(report.failures, 1)]
    return "\n".join([*lines, "", _verdict(report), ""])


def as_json(report: Report) -> str:
    """For machines."""
    document = {
        "brand": report.brand,
        "name": report.name,
        "kind": report.kind,
        "at": report.at.isoformat(),
        "passed": report.passed,
        "counts": {str(verdict).replace(" ", "_"): report.count(verdict) for verdict in Verdict},
        "findings": [
            {
                "check": one.check,
                "group": str(one.group),
                "promise": one.promise,
                "verdict": str(one.verdict).replace(" ", "_"),
                "sentence": _clean(one.sentence),
                "milliseconds": one.milliseconds,
            }
            for one in report.findings
        ],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def as_junit(report: Report) -> str:
    """For build servers."""
    suites = Element("testsuites", {"name": f"conformance of {report.brand}", **_counts(report.findings)})
    for group, listed in groupby(report.findings, key=lambda one: one.group):
        findings = list(listed)
        about = {"name": str(group), "timestamp": report.at.strftime("%Y-%m-%dT%H:%M:%S"), "hostname": "localhost"}
        suite = SubElement(suites, "testsuite", {**about, **_counts(findings, skipped=True)})
        for one in findings:
            named = {"classname": f"{report.brand}.{group.name.lower()}", "name": one.check, "time": _seconds(one)}
            case = SubElement(suite, "testcase", named)
            if one.verdict is Verdict.FAILED:
                told = {"message": _clean(one.sentence), "type": "ContractBroken"}
                SubElement(case, "failure", told).text = _clean(f"{one.promise}\n{one.sentence}")
            elif one.verdict is Verdict.NOT_APPLICABLE:
                SubElement(case, "skipped", {"message": _clean(one.sentence)})
    indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(suites, encoding="unicode") + "\n"


def as_html(report: Report) -> str:
    """One page that needs nothing from elsewhere; verdicts are words, not colours alone."""
    title = f"Conformance of {report.name}"
    parts = [
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_html(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<main>",
        f"<h1>{_html(title)}</h1>",
        f"<p>Brand <code>{_html(report.brand)}</code>, {_html(report.kind)}, tried at"
        f' <time datetime="{report.at.isoformat()}">{report.at:%Y-%m-%d %H:%M} UTC</time>.</p>',
        f'<p class="{"passed" if report.passed else "failed"}"><strong>{_html(_verdict(report))}</strong>'
        f" {_html(_summary(report))}.</p>",
    ]
    if report.failures:
        parts.append("<h2>What to mend, in this order</h2>\n<ol>")
        parts += [
            f'<li><a href="#{one.check}">{_html(one.check)}</a>: {_html(one.sentence)}</li>' for one in report.failures
        ]
        parts.append("</ol>")
    parts.append("<h2>Every check</h2>")
    for group, listed in groupby(report.findings, key=lambda one: one.group):
        parts.append(
            f'<table>\n<caption>{_html(str(group).capitalize())}</caption>\n<thead><tr><th scope="col">Check</th>'
            '<th scope="col">Promise</th><th scope="col">Verdict</th></tr></thead>\n<tbody>'
        )
        parts += [_row(one) for one in listed]
        parts.append("</tbody>\n</table>")
    return "\n".join([*parts, "</main>\n</body>\n</html>", ""])


FORMATS: Mapping[str, Callable[[Report], str]] = MappingProxyType(
    {"text": as_text, "json": as_json, "junit": as_junit, "html": as_html}
)


def _row(one: Finding) -> str:
    why = f"<br>{_html(one.sentence)}" if one.sentence else ""
    style = str(one.verdict).split()[0]
    return (
        f'<tr id="{_html(one.check)}"><th scope="row"><code>{_html(one.check)}</code></th>'
        f'<td>{_html(one.promise)}{why}</td><td class="{style}">{_html(str(one.verdict))}</td></tr>'
    )


def _summary(report: Report) -> str:
    passed, failed, left = (report.count(verdict) for verdict in Verdict)
    return f"{passed} checks passed, {failed} failed, {left} do not apply"


def _verdict(report: Report) -> str:
    if report.passed:
        return "The contract is kept."
    return "The contract is NOT kept." if report.failures else "Nothing was tried, so nothing is proven."


def _counts(findings: tuple[Finding, ...] | list[Finding], *, skipped: bool = False) -> dict[str, str]:
    failed = sum(one.verdict is Verdict.FAILED for one in findings)
    found = {"tests": str(len(findings)), "failures": str(failed), "errors": "0"}
    if skipped:
        found["skipped"] = str(sum(one.verdict is Verdict.NOT_APPLICABLE for one in findings))
    milliseconds = sum(one.milliseconds for one in findings)
    return {**found, "time": f"{milliseconds // 1_000}.{milliseconds % 1_000:03d}"}


def _seconds(one: Finding) -> str:
    return f"{one.milliseconds // 1_000}.{one.milliseconds % 1_000:03d}"


def _clean(text: str) -> str:
    return _NOT_XML.sub("?", text)


def _html(text: str) -> str:
    return html.escape(_clean(text))
