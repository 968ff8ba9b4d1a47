"""Carries windows from their cut-off to their statements, each step in a transaction of its own.

Whoever dies in the middle leaves a window in one of its states; the next run goes on from there.
"""

from collections.abc import Sequence
from datetime import datetime

from hub.access.vault import Vault
from hub.settlement import service, store
from hub.settlement.signing import sign_statements
from hub.settlement.types import Netted, Window, WindowState
from hub.storage import Database

_WAITING = (WindowState.CLOSED, WindowState.NETTED)


class Settling:
    """The windows of a database; statements look as `render` has them. Safe between threads and processes."""

    def __init__(self, database: Database, vault: Vault, render: service.Renderer) -> None:
        self._database = database
        self._vault = vault
        self._render = render

    def run(self, now: datetime) -> None:
        """Close the windows whose cut-off has passed; net and state whatever is closed."""
        self.close(now)
        self.finish(now)

    def close(self, now: datetime, *, calendar: str = "", early: bool = False) -> list[Window]:
        """Cut off every calendar, or one; the closed windows. early: also before the cut-off.

        Raises: CalendarMissing.
        """
        closed = []
        for code in self._codes(calendar):
            with self._database.work() as work:
                found = service.close(work, code, early=early, now=now)
            closed += [found] if found else []
        return closed

    def finish(self, now: datetime) -> list[Netted]:
        """Net and state every window that is closed, oldest first; those that this run finished."""
        with self._database.read() as work:
            ids = [window.id for window in store.windows(work, states=_WAITING)]
        finished = []
        for id in ids:
            with self._database.work() as work:
                service.net(work, id, now=now)
            with self._database.work() as work:
                service.state(work, id, self._render, now=now)
                sign_statements(work, self._vault, now=now)
            with self._database.read() as work:
                finished.append(service.read(work, id))
        self.sign_rest(now)
        return finished

    def sign_rest(self, now: datetime) -> None:
        """Sign what a hub before this one wrote, or what lost its signature with a key that somebody else may have."""
        signed = 1
        while signed:
            with self._database.work() as work:
                signed = sign_statements(work, self._vault, now=now)

    def _codes(self, calendar: str) -> Sequence[str]:
        if calendar:
            return [calendar]
        with self._database.read() as work:
            return [one.code for one in store.calendars(work)]
