"""Laws in the order in which they predict what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.comparison.extrapolation import HeldOut, extrapolate
from bayeslaw.comparison.leave_out import (
    LeftOut,
    leave_groups_out,
    leave_runs_out,
    standard_error,
)
from bayeslaw.comparison.stacking import stack, stack_parts
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    import pandas as pd

#: Laws whose expected log predictive densities differ by less are not distinguished (Sivula,
#: Magnusson and Vehtari 2020, arXiv:2008.10296).
DISTINGUISHED = 4.0
# Scores of one cut, in the order in which they are reported.
_SCORES = ("elpd", "crps", "rmse", "coverage")


@dataclass(frozen=True)
class LawScores:
    """One law's fit to all runs, and its scores."""

    posterior: Posterior
    #: Runs or groups left out, as planned; single runs left out (the same where runs are planned).
    left_out: LeftOut
    single: LeftOut
    #: For each cut its scores, and the log predictive density of the runs held out.
    cut_rows: list[dict[str, Any]]
    cut_densities: list[np.ndarray]

    @property
    def untrusted(self) -> int:
        """How many of the fits without some runs cannot be trusted."""
        other = 0 if self.left_out is self.single else self.left_out.untrusted
        return other + self.single.untrusted

    @property
    def codes(self) -> str:
        """Codes of the notes that matter, errors marked as such."""
        codes = [
            f"not trusted: {note.code}" if note.severity == "error" else note.code
            for note in self.posterior.notes
            if note.severity != "info"
        ]
        return ", ".join(dict.fromkeys([*codes, *["refits_not_trusted"] * bool(self.untrusted)]))


def score_law(
    posterior: Posterior, held_out: HeldOut, ci_prob: float, progress: bool | None
) -> LawScores:
    """Score one law on everything that is held out."""
    left_out = single = leave_runs_out(posterior, progress=progress)
    if held_out.leave == "group":
        left_out = leave_groups_out(posterior, held_out.groups, progress=progress)
    cuts = [extrapolate(posterior, cut, ci_prob, progress) for cut in held_out.cuts]
    rows, densities = [row for row, _ in cuts], [scores.log_density for _, scores in cuts]
    return LawScores(posterior, left_out, single, rows, densities)


def rank(
    scores: Mapping[str, LawScores],
    held_out: HeldOut,
    evidence: pd.DataFrame | None = None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A row a law, the best first, and a row a law and cut in the same order."""
    import pandas as pd

    density = {label: each.left_out.log_density for label, each in scores.items()}
    best = max(density, key=lambda label: float(density[label].sum()))
    weights = stack(np.stack(list(density.values()), axis=1))
    rows = {}
    for (label, each), weight in zip(scores.items(), weights, strict=True):
        difference = density[label] - density[best]
        total = float(difference.sum())
        error = 0.0 if label == best else standard_error(difference, held_out.groups)
        rows[label] = {
            "parameters": len(each.posterior.law.parameters),
            "elpd": float(density[label].sum()),
            "elpd_se": standard_error(density[label], held_out.groups),
            "elpd_diff": total,
            "diff_se": error,
            "verdict": "best" if label == best else verdict(total, error),
            "p_loo": float(each.single.effective.sum()),
            "bad_k": int(each.single.refitted.sum()),
            "weight": float(weight),
        }
        if held_out.leave == "group":
            rows[label]["interpolation_elpd"] = float(each.single.log_density.sum())
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index.name = "law"
    if held_out.cuts:
        for name in _SCORES:
            by_law = [[row[name] for row in each.cut_rows] for each in scores.values()]
            frame[f"extrapolation_{name}"] = np.mean(by_law, axis=1)
        by_cut = zip(*(each.cut_densities for each in scores.values()), strict=True)
        frame["extrapolation_weight"] = stack_parts([np.stack(cut, axis=1) for cut in by_cut])
    if evidence is not None:
        frame = frame.join(evidence)
    frame["notes"] = [each.codes for each in scores.values()]
    frame = frame.sort_values("elpd", ascending=False, kind="stable")
    cuts = [{"law": label, **row} for label in frame.index for row in scores[label].cut_rows]
    return frame, pd.DataFrame(cuts)


def verdict(difference: float, error: float) -> str:
    """Whether a law is distinguished from the best by a difference with its standard error."""
    if abs(difference) < DISTINGUISHED:
        return "not distinguished"
    # A NaN error, of one group, leaves it open.
    return "worse" if abs(difference) >= 2 * error else "perhaps worse"
