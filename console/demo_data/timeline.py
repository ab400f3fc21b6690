"""Timeline: plays stories of different length concurrently, in chronological order."""

import heapq
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from console.demo_data.simulation import Simulation

Story = Iterator[datetime]
"""A story: yields the time of its next step, and performs the step when it is resumed."""


def play(simulation: Simulation, stories: Iterable[Story], on_step: Callable[[datetime], None]) -> None:
    """Play all stories to their ends; call `on_step` with the time of each step.

    Raise ValueError for a story that goes back in time or beyond the present.
    """
    begun = list(stories)
    # The heap orders by the number too: of several stories at one moment, the one that was passed first goes first.
    waiting = [(moment, number) for number, story in enumerate(begun) if (moment := next(story, None)) is not None]
    heapq.heapify(waiting)
    while waiting:
        simulation.now, number = heapq.heappop(waiting)
        on_step(simulation.now)
        moment = next(begun[number], None)
        if moment is None:
            continue
        if not simulation.now <= moment <= simulation.end:
            raise ValueError(f"A story continues at {moment}, which is not from {simulation.now} to {simulation.end}.")
        heapq.heappush(waiting, (moment, number))
