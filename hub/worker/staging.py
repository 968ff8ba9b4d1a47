"""Handlers whose call to somebody else stands between two transactions, and which hold a thread for that call alone.

Many share a transaction: what was answered is taken home and what comes next is begun together. Knows the order of the
stages. Does not know what is called, nor where the threads come from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from hub.kernel.errors import HubError
from hub.outbox import Delivery
from hub.storage import Batcher, Database, Work

Step = TypeVar("Step")
Answer = TypeVar("Answer")

# How long stages gather before their transaction: a tenth of the quickest call, and each transaction costs as much as a
# dozen calls.
_GATHER_SECONDS = 0.01


class Stages(Protocol[Step, Answer]):
    """What a staged handler does."""

    def turn(
        self, work: Work, answered: Sequence[tuple[Delivery, Answer]], deliveries: Sequence[Delivery]
    ) -> Sequence[Step | None]:
        """Take answers home, with the end or the next turn of their messages; then begin. One step for each of
        `deliveries`, None where there is nothing to perform.
        """

    def perform(self, step: Step) -> Answer:
        """The call, outside any transaction."""


@dataclass(frozen=True, slots=True)
class _Request(Generic[Answer]):
    """Something to be begun, or, with its answer, to be taken home."""

    delivery: Delivery
    answered: tuple[Answer] | None = None


class Staged(Generic[Step, Answer]):
    """A handler of such stages. As a plain handler it waits for each of them; `start` waits for none."""

    def __init__(self, database: Database, stages: Stages[Step, Answer], *, name: str) -> None:
        self._stages = stages
        self._turns: Batcher[_Request[Answer], Step | None] = Batcher(
            database, self._turn, name=name, gather_seconds=_GATHER_SECONDS
        )

    def __call__(self, delivery: Delivery) -> None:
        """Begin if there is something to begin, perform it, and take the answer home."""
        step = self._turns.submit(_Request(delivery))
        if step is not None:
            self._turns.submit(_Request(delivery, (self._stages.perform(step),)))

    def start(
        self,
        delivery: Delivery,
        *,
        on_thread: Callable[[Callable[[], None]], None],
        end: Callable[[BaseException | None], None],
    ) -> None:
        """The same without waiting. on_thread: has the call made, which takes long. end: called once, from any thread,
        with the fault there was. Raises: Overloaded, and then nothing was begun.
        """

        def begun(step: Step | BaseException | None) -> None:
            if step is None or isinstance(step, BaseException):
                end(step)
            else:
                on_thread(lambda: perform(step))

        def perform(step: Step) -> None:
            try:
                answer = self._stages.perform(step)
                self._turns.submit_later(_Request(delivery, (answer,)), finished)
            except Exception as fault:
                end(fault)

        def finished(answer: Step | BaseException | None) -> None:
            end(answer if isinstance(answer, BaseException) else None)

        self._turns.submit_later(_Request(delivery), begun)

    def _turn(self, work: Work, requests: Sequence[_Request[Answer]]) -> list[Step | HubError | None]:
        answered = [(one.delivery, one.answered[0]) for one in requests if one.answered is not None]
        steps = iter(self._stages.turn(work, answered, [one.delivery for one in requests if one.answered is None]))
        return [next(steps) if one.answered is None else None for one in requests]
