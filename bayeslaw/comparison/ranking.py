"""The table of a comparison: laws in the order in which they predict what was left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.comparison.loo import LeftOut, standard_error
from bayeslaw.comparison.result import reading
from bayeslaw.comparison.stacking import stack, stack_parts
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    import pandas as pd

# Scores of one cut, in the order in which they are reported.
_SCORES = ("elpd", "crps", "rmse", "coverage")


def ranked(
    fits: Mapping[str, Posterior],
    left: Mapping[str, LeftOut],
    single: Mapping[str, LeftOut],
    groups: np.ndarray,
    extrapolation: pd.DataFrame,
    held: Mapping[str, list[np.ndarray]],
    evidence: Mapping[str, Mapping[str, float]] | None = None,
) -> pd.DataFrame:
    """Rank laws by how they predict what was left out."""
    import pandas as pd

    labels = list(fits)
    total = {label: float(left[label].log_density.sum()) for label in labels}
    best = max(labels, key=lambda label: total[label])
    weights = stack(np.stack([left[label].log_density for label in labels], axis=1))
    lines = {}
    for label, weight in zip(labels, weights, strict=True):
        density = left[label].log_density
        difference = density - left[best].log_density
        error = 0.0 if label == best else standard_error(difference, groups)
        lines[label] = {
            "parameters": len(fits[label].law.parameters),
            "elpd": total[label],
            "elpd_se": standard_error(density, groups),
            "elpd_diff": float(difference.sum()),
            "diff_se": error,
            "reads": "best" if label == best else reading(float(difference.sum()), error),
            "p_loo": float(single[label].effective.sum()),
            "bad_k": int(single[label].refitted.sum()),
            "weight": float(weight),
        }
        if left is not single:
            lines[label]["interpolation_elpd"] = float(single[label].log_density.sum())
    table = pd.DataFrame.from_dict(lines, orient="index")
    table.index.name = "law"
    if len(extrapolation):
        means = extrapolation.groupby("law", sort=False)[list(_SCORES)].mean()
        for name in _SCORES:
            table[f"extrapolation_{name}"] = means[name]
        parts = [np.stack(part, axis=1) for part in zip(*held.values(), strict=True)]
        table["extrapolation_weight"] = stack_parts(parts)
    for name, values in (evidence or {}).items():
        table[name] = pd.Series(values)
    table["notes"] = [_codes(fits[label], left[label], single[label]) for label in labels]
    return table.sort_values("elpd", ascending=False, kind="stable")


def _codes(posterior: Posterior, *parts: LeftOut) -> str:
    """Codes of the notes on a fit that matter, errors marked as such, and on those without runs."""
    said = [
        f"not trusted: {note.code}" if note.severity == "error" else note.code
        for note in posterior.notes
        if note.severity != "info"
    ]
    if any(part.untrusted for part in parts):
        said.append("refits_not_trusted")
    return ", ".join(dict.fromkeys(said))
