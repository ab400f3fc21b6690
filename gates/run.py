"""Runs gates one after the other and prints what each says."""

import sys
from collections.abc import Sequence
from time import monotonic
from typing import Final

from gates.tree import NoAnswer
from gates.verdict import Gate, Outcome, Verdict, unavailable

_COLOURS: Final = {Outcome.PASSED: "32", Outcome.FAILED: "31", Outcome.UNAVAILABLE: "33"}


def run(gates: Sequence[Gate], *, all_required: bool) -> int:
    """0 where no gate failed; 1 where one did, or could not be judged although `all_required`."""
    width = max(len(gate.name) for gate in gates)
    counts = dict.fromkeys(Outcome, 0)
    for gate in gates:
        started = monotonic()
        verdict = _verdict(gate)
        counts[verdict.outcome] += 1
        told = _told(gate, verdict)
        print(f"{gate.name:<{width}}  {_coloured(verdict.outcome)}  {monotonic() - started:5.1f} s  {told}", flush=True)
        for finding in verdict.findings:
            print(f"{'':<{width}}    {finding}")
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.items() if count), flush=True)
    return int(bool(counts[Outcome.FAILED] or (all_required and counts[Outcome.UNAVAILABLE])))


def _told(gate: Gate, verdict: Verdict) -> str:
    """The note tells what was judged where it holds, or why nothing was; where it does not hold, the claim is named."""
    if verdict.outcome is Outcome.FAILED:
        return f"{len(verdict.findings)} against: {gate.claim}"
    return verdict.note or gate.claim


def _verdict(gate: Gate) -> Verdict:
    try:
        return gate.judge()
    except NoAnswer as error:
        return unavailable(str(error))


def _coloured(outcome: Outcome) -> str:
    text = f"{outcome:<11}"
    return f"\x1b[{_COLOURS[outcome]}m{text}\x1b[0m" if sys.stdout.isatty() else text
