"""The processor time of a process, as others see it."""

import os
import time

import pytest

from benchmarks.gateway.processor_time import processor_seconds


def test_processor_time_is_what_the_process_knows_of_itself() -> None:
    assert processor_seconds([os.getpid()]) == pytest.approx(time.process_time(), abs=0.1)


def test_processor_time_of_several_is_their_sum() -> None:
    own = os.getpid()
    assert processor_seconds([own, own]) == pytest.approx(2 * processor_seconds([own]), abs=0.1)
    assert processor_seconds([]) == 0
