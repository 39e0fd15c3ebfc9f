"""``compare_nested``: a law with and without a constraint."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bayeslaw.comparison.compare import compare
from bayeslaw.comparison.extrapolation import CUTS, Leave
from bayeslaw.comparison.leave_out import group_numbers, standard_error
from bayeslaw.comparison.ranking import DISTINGUISHED, verdict
from bayeslaw.comparison.restriction import Restricted, restricted_by, restriction_notes
from bayeslaw.comparison.result import Comparison
from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.notes import Note
from bayeslaw.core.results import Result
from bayeslaw.law import Law
from bayeslaw.law.constrain import split_chain
from bayeslaw.law.library import law as load_law
from bayeslaw.runs import ReferenceRun, Runs

if TYPE_CHECKING:
    import pandas as pd

_PLACE = "nested, constraint"
# Verdicts on the constrained law if its ELPD is higher.
_AHEAD = {"worse": "better", "perhaps worse": "perhaps better"}


@dataclass(frozen=True)
class NestedComparison(Result):
    """Comparison of a law with and without a constraint.

    Differences are the constrained law's log predictive density of log loss less the free law's, in
    nats: below zero, the runs are predicted worse under the constraint.

    Attributes
    ----------
    law, constraint : str
        The law's name, and the constraint.
    verdict : str
        On the constrained law, by ELPD: "not distinguished", "worse", "perhaps
        worse" (within two standard errors), "better" or "perhaps better".
    difference, difference_se : float
        Summed over the runs left out, and its standard error.
    extrapolation : pandas.DataFrame
        A row a ``cut``, empty without cuts: how many runs were ``held_out``; the ``difference``
        summed over them with its standard ``error`` (too small: errors are correlated, since one
        fit predicts them all); their median ``extrapolation_factor``.
    restricted : dict of str to Restricted
        The constrained quantities by name: a parameter, or a parameter less the expression that
        it is tied to.
    comparison : Comparison
        Comparison of the two laws, with posteriors and pointwise log densities.
    notes : tuple of Note
        Those of the comparison, and those on the constraint.
    """

    _drawn = ("nested",)
    _omitted = ("comparison",)

    law: str
    constraint: str
    verdict: str
    difference: float
    difference_se: float
    extrapolation: pd.DataFrame = field(repr=False)
    restricted: dict[str, Restricted] = field(repr=False)
    comparison: Comparison = field(repr=False)
    notes: tuple[Note, ...] = field(repr=False)

    @property
    def summary(self) -> str:
        """The verdict in one sentence."""
        side, way = ("dis", "lower") if self.difference < 0 else ("", "higher")
        by = f"by {abs(self.difference):.2g} nats (SE {self.difference_se:.2g})"
        elpd = f"ELPD of {self.comparison.leave}s left out is {way} {by}"
        unknown = [name for name, each in self.restricted.items() if each.informed_by != "runs"]
        text = f"Inconclusive for {self.constraint}: {elpd}"
        if self.verdict != "not distinguished":
            perhaps = "perhaps " if self.verdict.startswith("perhaps") else ""
            text = f"{self.constraint} is {perhaps}{side}favoured: {elpd}"
        elif unknown:
            names = " and ".join(unknown)
            text = f"Inconclusive for {self.constraint}: the configurations do not identify "
            text += f"{names} separately"
        return f"{text}{self._larger_runs()}."

    def _larger_runs(self) -> str:
        """The extrapolation part of the summary."""
        if not len(self.extrapolation):
            return ""
        row = self.extrapolation.loc[self.extrapolation["difference"].abs().idxmax()]
        amount = float(row["difference"])
        if abs(amount) >= DISTINGUISHED:
            way = f"{'lower' if amount < 0 else 'higher'} by {abs(amount):.2g} nats"
            return f"; of the {row['cut']} held out it is {way}"
        undecided = self.verdict == "not distinguished"
        return "" if undecided else "; larger runs held out are inconclusive"

    def to_frame(self) -> pd.DataFrame:
        """The constrained quantities, a row each.

        Returns
        -------
        pandas.DataFrame
            ``value`` under the constraint; posterior ``median``, ``low`` and ``high``;
            ``prior_low`` and ``prior_high``; ``above``; ``informed_by``.
        """
        import pandas as pd

        rows = {name: each.to_dict() for name, each in self.restricted.items()}
        return pd.DataFrame.from_dict(rows, orient="index")

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data: all fields but the comparison, and the summary."""
        own = {"leave": self.comparison.leave, "ci_prob": self.comparison.ci_prob}
        return {**super().to_dict(), **own}


@public
def compare_nested(
    runs: Runs | pd.DataFrame | str | Path,
    law: str | Path | Law,
    constraint: str | Sequence[str],
    *,
    method: Literal["nuts", "laplace"] = "nuts",
    noise: str = "student_t",
    reference: ReferenceRun | None = None,
    leave: Leave | None = None,
    over: str | None = None,
    cuts: Sequence[float] = CUTS,
    force: bool = False,
    seed: int = 0,
    chains: int = 4,
    draws: int = 1000,
    warmup: int = 400,
    ci_prob: float = INTERVAL,
    progress: bool | None = None,
) -> NestedComparison:
    """Compare a law with and without a constraint.

    Fits both with the same runs, noise, loss scale and reference, and compares out-of-sample
    ELPD.

    Parameters
    ----------
    runs : Runs, DataFrame, str or Path
        The table as for ``fit``, with the variables of the law.
    law, constraint : str, Path or Law; str or sequence of str
        The law; ``"k = 0"``, ``"alpha = beta"``, ``"m = n = 0"`` (each of them zero), or several,
        which then hold together; each as for ``Law.constrain``.
    method, noise, reference, leave, over, cuts, force : str, ...
        As for ``compare``.
    seed, chains, draws, warmup, ci_prob, progress : int, ...
        As for ``compare``.

    Returns
    -------
    NestedComparison
        The verdict; inconclusive for differences below 4 nats, or for parameters that the runs do
        not identify.

    Raises
    ------
    RequestError, TableError, PosteriorError
        If the constraint is invalid or names no parameter; as for ``compare``.
    """
    free = load_law(law)
    texts = [constraint] if isinstance(constraint, str) else list(constraint)
    if not all(isinstance(text, str) for text in texts):
        remedy = 'Such as "k = 0"'
        raise RequestError(f"{constraint!r} is no constraint", place=_PLACE, remedy=remedy)
    parts = [part for text in texts for part in split_chain(text)]
    tied = free.constrain(*parts)
    comparison = compare(
        runs,
        {free.name: free, tied.name: tied},
        method=method,
        noise=noise,
        reference=reference,
        leave=leave,
        over=over,
        cuts=cuts,
        force=force,
        seed=seed,
        chains=chains,
        draws=draws,
        warmup=warmup,
        ci_prob=ci_prob,
        progress=progress,
    )
    posterior = comparison.posteriors[free.name]
    restricted = dict(restricted_by(posterior, part, ci_prob, place=_PLACE) for part in parts)
    return NestedComparison(
        law=free.name,
        constraint=", ".join(text.strip() for text in texts),
        **_differences(comparison, free.name, tied.name),
        restricted=restricted,
        comparison=comparison,
        notes=(*comparison.notes, *restriction_notes(restricted)),
    )


def _differences(comparison: Comparison, free: str, tied: str) -> dict[str, Any]:
    """Differences in ELPD, the verdict on them, and those of each cut."""
    import pandas as pd

    runs = comparison.posteriors[free].runs
    each = comparison.pointwise[tied] - comparison.pointwise[free]
    groups = group_numbers(runs) if comparison.leave == "group" else np.arange(len(runs))
    difference, error = float(each.sum()), standard_error(each, groups)
    reads = verdict(difference, error)
    columns = ["cut", "held_out", "difference", "error", "extrapolation_factor"]
    larger = pd.DataFrame(columns=columns)
    if len(comparison.extrapolation):
        own = comparison.extrapolation[comparison.extrapolation["law"] == free]
        pairs = zip(comparison.held_out[tied], comparison.held_out[free], strict=True)
        cuts = [under - above for under, above in pairs]
        larger = own.reset_index(drop=True).assign(
            difference=[float(cut.sum()) for cut in cuts],
            error=[standard_error(cut, np.arange(len(cut))) for cut in cuts],
        )[columns]
    return {
        "verdict": _AHEAD.get(reads, reads) if difference > 0 else reads,
        "difference": difference,
        "difference_se": error,
        "extrapolation": larger,
    }
