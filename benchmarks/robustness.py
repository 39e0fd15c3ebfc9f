"""Odd inputs by the thousand: how many are answered, how many refused, and the faults among them.

``python benchmarks/robustness.py --examples 10000 --seed 1 --out benchmarks/results/robustness.md``
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from importlib import metadata
from pathlib import Path

import provenance
from hypothesis import HealthCheck, Phase, given, seed, settings, strategies as st

# The strategies are those of the tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

from robustness.kinds import kinds
from robustness.outcome import ANSWERED, REFUSED, Attempt, outcome
from robustness.requests import material

_GENERATED = settings(
    database=None,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)


Found = dict[str, list[tuple[str, str]]]


def tried(attempts: st.SearchStrategy[Attempt], examples: int, number: int) -> Found:
    """Attempts and their messages, by what they came to."""
    found: Found = {}

    @seed(number)
    @settings(_GENERATED, max_examples=examples)
    @given(attempts)
    def record(attempt: Attempt) -> None:
        came_to = outcome(attempt)
        found.setdefault(came_to.what, []).append((repr(attempt), came_to.detail))

    record()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--examples", type=int, default=10_000, help="of all kinds together")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", help="only these, separated by commas")
    # Below, the working folder is another one.
    parser.add_argument("--out", type=os.path.abspath)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        every = kinds(material(Path(name)))
        wanted = options.kinds.split(",") if options.kinds else list(every)
        os.chdir(name)
        rows, faults = [], Counter[tuple[str, str]]()
        shortest: dict[tuple[str, str], tuple[str, str]] = {}
        for kind in wanted:
            start = time.perf_counter()
            found = tried(every[kind], options.examples // len(wanted), options.seed)
            counts = {what: len(texts) for what, texts in found.items()}
            answered, refused = counts.pop(ANSWERED, 0), counts.pop(REFUSED, 0)
            failed = sum(counts.values())
            rows.append([kind, answered + refused + failed, answered, refused, failed, len(counts),
                         round(time.perf_counter() - start)])  # fmt: skip
            sys.stderr.write(f"{rows[-1]}\n")
            for what, count in counts.items():
                faults[kind, what] = count
                shortest[kind, what] = min(found[what], key=lambda pair: len(pair[0]))
    heads = ["kind", "tried", "answered", "refused", "failed", "kinds of failure", "seconds"]
    command = f"python benchmarks/robustness.py --examples {options.examples} --seed {options.seed}"
    text = provenance.heading("Odd inputs", command)
    text += f"Hypothesis {metadata.version('hypothesis')}, pandas {metadata.version('pandas')}.\n\n"
    text += provenance.table(heads, rows)
    if faults:
        lines = [[kind, count, what, *map(_cell, shortest[kind, what])]
                 for (kind, what), count in faults.most_common()]  # fmt: skip
        text += provenance.table(["kind", "times", "fault", "an input", "message"], lines)
    provenance.keep(text, options.out)


def _cell(text: str) -> str:
    """Text as a cell of Markdown holds it."""
    return f"`{text[:160].replace('|', '/').replace('`', chr(39))}`" if text else ""


if __name__ == "__main__":
    main()
