"""Every loss law recovers itself from runs simulated from its own coefficients.

Truth is each published set, or the prior's medians where none was published. A law is
recovered if its predictions, over the whole range of its card, are within the noise of the truth,
and if its chains agree. A coefficient that the card calls weak must show it: its posterior hardly
moves from its prior.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from provenance import heading, keep, table

import bayeslaw as bl
from bayeslaw.checks.card import TYPICAL_LOSS
from bayeslaw.law import Law

HEADS = [
    *("law", "truth", "parameters", "largest error / noise", "rms error / noise"),
    *("largest R-hat", "smallest ESS", "divergences", "attempts", "seconds", "state"),
]


def main() -> None:
    """Simulate, fit and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--noise", type=float, default=0.001)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--laws", nargs="*")
    parser.add_argument("--out")
    asked = parser.parse_args()
    laws = bl.laws()
    names = asked.laws or list(laws.index[laws["predicts"] == "loss"])
    rows, weak, moved = [], [], []
    for name in names:
        law = bl.law(name)
        for title, raw in _truths(law):
            row, posterior = _recover(law, title, raw, asked.rows, asked.noise, asked.seed)
            rows.append(row)
            print(" | ".join(map(str, row)), flush=True)
        distances = _distances(posterior, asked.seed)
        weak += [
            [name, parameter, law.parameters[parameter].weak, distances[parameter]]
            for parameter in law.parameters
            if law.parameters[parameter].weak
        ]
        moved += [
            [name, parameter, distance]
            for parameter, distance in distances.items()
            if distance < 0.7 and not law.parameters[parameter].weak
        ]
    text = heading(
        "Recovery of every loss law",
        f"python benchmarks/recovery.py --rows {asked.rows} --noise {asked.noise:g} "
        f"--seed {asked.seed}" + (f" --laws {' '.join(asked.laws)}" if asked.laws else ""),
    )
    text += (
        f"{asked.rows} runs over the card's ranges, noise {asked.noise:g} on log loss, Student-t, "
        "4 chains of 1,000. Errors are those of the posterior median of log loss at 400 other "
        "configurations of the same ranges.\n\n"
    )
    text += table(HEADS, rows)
    text += (
        "Coefficients that a card calls weak, and the total variation between prior and posterior "
        "of what the prior is stated on (0: the runs say nothing, 1: everything):\n\n"
    )
    text += table(["law", "coefficient", "why", "distance"], weak)
    text += "Others with a distance below .7:\n\n"
    text += table(["law", "coefficient", "distance"], moved) if moved else "None.\n\n"
    keep(text, asked.out)


def _truths(law: Law) -> list[tuple[str, dict[str, float]]]:
    if law.coefficients:
        # The first comes last, so that what is said of single coefficients is said under it.
        return [(title, law.published(title)) for title in law.coefficients][::-1]
    return [("prior medians", law.at_medians(law.middle, TYPICAL_LOSS))]


def _recover(
    law: Law, title: str, raw: dict[str, float], rows: int, noise: float, seed: int
) -> tuple[list[object], bl.Posterior]:
    runs = bl.simulate(law, rows=rows, noise_sd=noise, coefficients=raw, seed=seed)
    start = time.perf_counter()
    posterior = bl.fit(runs, law, seed=seed, progress=False)
    seconds = time.perf_counter() - start
    others = bl.draw_design(law, "independent", 400, seed=seed + 1)
    found = np.median(np.log(posterior.evaluate(others)), axis=0)
    errors = (found - np.log(law.predict(coefficients=raw, **others))) / noise
    convergence = posterior.convergence
    state = "clean" if convergence.trusted else "NOT CLEAN"
    if np.abs(errors).max() > 1:
        state += ", off"
    row = [
        law.name,
        title,
        len(law.parameters),
        float(np.abs(errors).max()),
        float(np.sqrt((errors**2).mean())),
        float(max(convergence.rhat.values())),
        round(min([*convergence.ess_bulk.values(), *convergence.ess_tail.values()])),
        convergence.divergences,
        posterior.info.attempts,
        round(seconds, 1),
        state,
    ]
    return row, posterior


def _distances(posterior: bl.Posterior, seed: int) -> dict[str, float]:
    """Total variation between prior and posterior of what each prior is stated on, in 50 bins."""
    law, rng = posterior.law, np.random.default_rng(seed)
    raw = {name: posterior.draws[name].ravel() for name in law.parameters}
    on = law.form.to_on(raw, posterior.reference.at, posterior.reference.loss)
    found = {}
    for name, entry in law.parameters.items():
        # Bins of equal prior probability: the distance is the same in any coordinate.
        edges = np.quantile(entry.prior.sample(rng, 200_000), np.linspace(0, 1, 51)[1:-1])
        shares = np.bincount(np.searchsorted(edges, on[name]), minlength=50) / on[name].size
        found[name] = float(np.abs(shares - 1 / 50).sum() / 2)
    return found


if __name__ == "__main__":
    main()
