"""Rules of the house that a linter does not know, held over the whole tree."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for top in ("hub", "partners", "schemas") for path in (ROOT / top).rglob("*.py"))
MIGRATIONS = ROOT / "hub" / "storage" / "migrations" / "versions"
TEXTS = [
    path
    for pattern in (
        "hub/**/*.py",
        "partners/**/*.*",
        "schemas/**/*.py",
        "tests/**/*.py",
        "docs/**/*.md",
        "*.md",
        "*.yaml",
    )
    for path in ROOT.glob(pattern)
    if path.is_file() and path.suffix in {".py", ".md", ".toml", ".yaml"}
]

# No function is longer than this many lines, no module longer than that; the habit is 40 and 400.
FUNCTION_LINES_MAX = 70
MODULE_LINES_MAX = 500
ADAPTER_LINES_MAX = 160

# Where amounts and rates live there is no binary fraction and no clock of one's own.
CORE = ("ledger", "rates", "agreements", "conversion", "legs", "members", "outbox", "hosted")


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def _relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_every_module_says_what_it_knows() -> None:
    silent = [_relative(path) for path in SOURCES if ast.get_docstring(ast.parse(path.read_text())) is None]

    assert silent == []


def test_functions_and_modules_stay_short() -> None:
    long = []
    for path in SOURCES:
        if path.parent == MIGRATIONS:
            continue  # one list of statements each, read from top to bottom once
        text = path.read_text()
        lines_max = ADAPTER_LINES_MAX if path.name == "adapter.py" else MODULE_LINES_MAX
        if text.count("\n") > lines_max:
            long.append(f"{_relative(path)}: {text.count(chr(10))} lines")
        long += [
            f"{_relative(path)}: {function.name} has {function.end_lineno - function.lineno + 1} lines"
            for function in _functions(ast.parse(text))
            if function.end_lineno is not None and function.end_lineno - function.lineno >= FUNCTION_LINES_MAX
        ]

    assert long == []


def test_the_core_has_no_binary_fractions_and_no_clock_of_its_own() -> None:
    banned = re.compile(r"\bfloat\(|datetime\.(utcnow|now)\(|time\.time\(|\bprint\(|except Exception|\.commit\(")
    found = [
        f"{_relative(path)}:{number}: {line.strip()}"
        for room in CORE
        for path in (ROOT / "hub" / room).rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if banned.search(line)
    ]

    assert found == []


def test_nothing_unfinished_is_left_behind() -> None:
    words = re.compile(r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error")) + r")\b")
    found = [
        f"{_relative(path)}:{number}"
        for path in TEXTS
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if words.search(line)
    ]

    assert found == []


def test_nothing_is_mocked_skipped_or_expected_to_fail() -> None:
    banned = re.compile(r"mock\." + r"patch|pytest\." + r"skip\(|mark\." + r"(skip|xfail)|monkey" + r"patch\.setattr")
    found = [
        f"{_relative(path)}:{number}: {line.strip()}"
        for path in (ROOT / "tests").rglob("*.py")
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if banned.search(line)
    ]

    assert found == []


def test_public_functions_say_what_they_are_for() -> None:
    silent = [
        f"{_relative(path)}: {node.name}"
        for path in SOURCES
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and not node.name.startswith("_")
        and ast.get_docstring(node) is None
        and path.parent != MIGRATIONS
    ]

    assert silent == []


def test_links_between_documents_lead_somewhere() -> None:
    documents = [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/**/*.md"),
        *ROOT.glob("deploy/*.md"),
        *ROOT.glob("partners/**/*.md"),
    ]
    broken = [
        f"{_relative(path)}: {target}"
        for path in documents
        for target in re.findall(r"\]\(([^)#:\s]+)\)", path.read_text())
        if not (path.parent / target).exists()
    ]

    assert broken == []


def test_every_refusal_has_a_code_of_its_own_and_a_documentation_page() -> None:
    import hub.wiring  # noqa: F401 - imports every room, so that every refusal is declared
    from hub.kernel.errors import declared_refusals

    codes = [kind.code for kind in declared_refusals() if not kind.__module__.startswith("tests.")]
    missing = [code for code in codes if not (ROOT / "docs" / "problems" / f"{code}.md").exists()]

    assert missing == []
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", code) for code in codes)
