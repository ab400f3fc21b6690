"""Timeline: plays stories of different length concurrently, in chronological order."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from console.demo_data.stage import Stage

Story = Iterator[datetime]
"""A story: yields the time of its next step, and performs the step when it is resumed."""


def play(stage: Stage, stories: Iterable[Story], tell: Callable[[datetime], None]) -> None:
    """Play all stories to their ends; call `tell` with the time of each step.

    Raise ValueError for a story that goes back in time or beyond the present.
    """
    begun = list(stories)
    # The heap orders by the number too: of several stories at one moment, the one that was passed first goes first.
    waiting = [(moment, number) for number, story in enumerate(begun) if (moment := next(story, None)) is not None]
    heapq.heapify(waiting)
    while waiting:
        stage.now, number = heapq.heappop(waiting)
        tell(stage.now)
        moment = next(begun[number], None)
        if moment is None:
            continue
        if not stage.now <= moment <= stage.end:
            raise ValueError(f"A story goes on at {moment}, which is not from {stage.now} to {stage.end}.")
        heapq.heappush(waiting, (moment, number))
