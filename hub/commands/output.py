"""What commands print and how they end.

Exit codes: 0 done; 1 refused (the reason is printed, nothing changed); 2 wrong use; 3 a check failed; 130 interrupted.
With `--json`, standard output carries one JSON document and nothing else, errors included.
"""

import json
import sys
from collections.abc import Callable
from typing import NoReturn

import click

from hub.kernel.errors import HubError

REFUSED = 1
CHECK_FAILED = 3
INTERRUPTED = 130

# Who is at the keyboard, for the audit log; with four eyes, two different names are needed.
actor_option = click.option(
    "--actor", envvar=["HUB_ACTOR", "USER"], default="operator", help="Your name, for the audit."
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document for machines.")


class HubGroup(click.Group):
    """A command group that turns a refusal into a sentence on standard error and exit code 1."""

    def invoke(self, ctx: click.Context) -> object:
        """Run the chosen command."""
        try:
            return super().invoke(ctx)
        except HubError as refusal:
            fail(refusal, as_json="--json" in sys.argv)
        except KeyboardInterrupt:
            sys.exit(INTERRUPTED)


def fail(refusal: HubError, *, as_json: bool) -> NoReturn:
    """Print a refusal and end with exit code 1."""
    if as_json:
        shown = {"code": refusal.code, "detail": refusal.detail, "facts": refusal.facts}
        click.echo(json.dumps({"error": shown}, default=str))
    else:
        click.echo(f"refused: {refusal.detail} [{refusal.code}]", err=True)
    sys.exit(REFUSED)


def show(document: object, *, as_json: bool, plain: Callable[[], None]) -> None:
    """Print `document` as JSON, or call `plain` to say the same in words."""
    if as_json:
        click.echo(json.dumps(document, indent=2, default=str))
    else:
        plain()
