"""``leave_one_source_out``: how well other sources predict one, beside its own small runs alone."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.comparison.scores import score
from bayeslaw.core.calls import public
from bayeslaw.core.errors import RequestError, some_of, whole
from bayeslaw.core.intervals import INTERVAL
from bayeslaw.core.notes import Note
from bayeslaw.core.results import Result
from bayeslaw.inference.fit import fit
from bayeslaw.law import Law
from bayeslaw.law.library import law as load_law
from bayeslaw.model.by_source import BySource
from bayeslaw.posterior.info import Method
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Runs
from bayeslaw.runs.pooled import SET, SOURCE, one_source, sets, sources

if TYPE_CHECKING:
    import pandas as pd

_PLACE = "leave_one_source_out"
# A source needs so many larger runs for a score.
_LEAST_LARGER = 3
# CRPS with the others over that without, above which pooling hurts.
_HURTS = 1.05


@dataclass(frozen=True)
class SourceTransfer(Result):
    """Predictions of each source's larger runs, with the other sources and without.

    Attributes
    ----------
    law : str
        The law.
    frame : pandas.DataFrame
        A row a source: ``few``, its smallest runs fitted; ``larger``, its runs predicted; CRPS of
        log loss and coverage ``with_others`` and ``alone``; ``ratio`` of CRPS, below one where the
        others help.
    ci_prob : float
        Probability of the intervals.
    fit_notes : tuple of Note
        Errors of fits.
    """

    law: str
    frame: pd.DataFrame = field(repr=False)
    ci_prob: float
    fit_notes: tuple[Note, ...]

    _rows = "sources"

    @property
    def summary(self) -> str:
        """Where pooling helps and where it hurts."""
        mean = float(np.exp(np.log(self.frame["ratio"]).mean()))
        hurt = [str(name) for name in self.frame.index[self.frame["ratio"] > _HURTS]]
        where = f" Pooling hurts {', '.join(hurt)}." if hurt else " Pooling hurts none of them."
        inside = (self.frame["coverage_with_others"] * self.frame["larger"]).sum()
        share = inside / self.frame["larger"].sum()
        over = " (geometric mean)" if len(self.frame) > 1 else ""
        return (
            f"Larger runs of {some_of(self.frame.index)} under {self.law}: with the other sources "
            f"CRPS is {mean:.2g} times that of a source's few smallest runs alone{over}, and "
            f"{100 * share:.0f}% lie in their {100 * self.ci_prob:g}% intervals.{where}"
        )

    @property
    def notes(self) -> tuple[Note, ...]:
        """Errors of fits, and sources that pooling hurts."""
        hurt = self.frame[self.frame["ratio"] > _HURTS]
        return (
            *self.fit_notes,
            *(
                Note(
                    "pooling_hurts",
                    "warning",
                    f"{name}: CRPS of its larger runs is {row['ratio']:.2g} times as large with "
                    "the other sources as from its few smallest runs alone",
                    "Leave it out, or give it coefficients of its own: BySource(own=...)",
                )
                for name, row in hurt.iterrows()
            ),
        )


@public
def leave_one_source_out(
    runs: Runs,
    law: str | Path | Law,
    *,
    pool: BySource | None = None,
    few: int = 10,
    only: str | None = None,
    method: Method = "nuts",
    ci_prob: float = INTERVAL,
    seed: int = 0,
    chains: int = 2,
    draws: int = 500,
    warmup: int = 400,
) -> SourceTransfer:
    """Predict each source's larger runs from its few smallest, with the other sources and without.

    Runs are ordered by N_a D (N D where the law reads no N_a). Sources of contrasts inform the
    others and are not predicted.

    Parameters
    ----------
    runs : Runs
        From ``pool_runs``.
    law : str or Law
        The law.
    pool : BySource, optional
        What sources share; the default of ``fit(..., pool="sources")`` unless given.
    few : int
        How many of its smallest runs a source keeps.
    only : str, optional
        One source instead of each.
    method, seed, chains, draws, warmup
        As for ``fit``.
    ci_prob : float
        Probability of the intervals.

    Returns
    -------
    SourceTransfer
        CRPS and coverage with the others and without.

    Raises
    ------
    RequestError
        If the table has no sources, or none has enough runs.
    """
    few = whole(few, "few", place=_PLACE, least=2)
    law = load_law(law)
    names = [name for name in sources(runs) if _is_predicted(runs, name, few)]
    if only is not None:
        names = [name for name in names if name == only]
    if not names:
        problem = f"no source{'' if only is None else f' {only!r}'} with more than {few} runs"
        remedy = f"Give a smaller few=, or one of {', '.join(sources(runs))}"
        raise RequestError(problem, place=_PLACE, remedy=remedy)
    rows, notes = {}, []
    options: dict[str, Any] = {
        "seed": seed,
        "chains": chains,
        "draws": draws,
        "warmup": warmup,
        "progress": False,
    }
    for name in names:
        small = _smallest(runs, name, few)
        larger = runs.select((runs.labels(SOURCE) == name).to_numpy() & ~small)
        kept = runs.select((runs.labels(SOURCE) != name).to_numpy() | small)
        arms: dict[str, Posterior] = {
            "with_others": fit(kept, law, pool=pool or BySource(), method=method, **options),
            "alone": fit(
                one_source(runs.select(small), name),
                law,
                method="laplace",
                fallback=True,
                **options,
            ),
        }
        row: dict[str, float] = {"few": int(small.sum()), "larger": len(larger)}
        for arm, fitted in arms.items():
            found = score(fitted, larger, ci_prob=ci_prob, seed=seed)
            row[f"crps_{arm}"] = float(found.crps.mean())
            row[f"coverage_{arm}"] = float(found.inside.mean())
            errors = [note for note in fitted.notes if note.severity == "error"]
            notes += [
                Note(n.code, "warning", f"{name}, {arm}: {n.message}", n.remedy) for n in errors
            ]
        rows[name] = {**row, "ratio": row["crps_with_others"] / row["crps_alone"]}
    return SourceTransfer(law.name, _frame(rows), ci_prob, tuple(notes))


def _is_predicted(runs: Runs, name: str, few: int) -> bool:
    """Whether a source has larger runs, and one floor."""
    own = one_source(runs, name)
    floors = len(sets(own)) if SET in runs.groups else 1
    return floors == 1 and len(own) >= few + _LEAST_LARGER


def _smallest(runs: Runs, name: str, few: int) -> np.ndarray:
    """A mask of the smallest runs of a source."""
    active = "N_a" if "N_a" in runs.variables else "N"
    size = np.log(runs.column(active)) + np.log(runs.column("D"))
    own = np.flatnonzero((runs.labels(SOURCE) == name).to_numpy())
    mask = np.zeros(len(runs), dtype=bool)
    mask[own[np.argsort(size[own], kind="stable")[:few]]] = True
    return mask


def _frame(rows: dict[str, dict[str, float]]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("source")
