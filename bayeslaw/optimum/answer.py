"""What ``optimum`` answers."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.notes import Note
from bayeslaw.optimum.budget import Budget

if TYPE_CHECKING:
    import pandas as pd

STATUSES = ("interior", "at_bound", "none", "not_converged")


@dataclass(frozen=True)
class Quantity:
    """The posterior of one optimum.

    Attributes
    ----------
    median, low, high : float
        Of the draws that converged; a draw without optimum counts as infinite (or zero), where it
        runs to.
    status : str
        ``prior_only`` where the runs never varied it, else what most draws are: ``interior``,
        ``at_bound``, ``none`` (the law falls for ever) or ``not_converged``.
    shares : dict of str to float
        Shares of draws by status.
    prior_low, prior_high : float
        The same interval before the runs.
    published : float or None
        The optimum under the card's first coefficient set, where it has one.
    """

    median: float
    low: float
    high: float
    status: str
    shares: dict[str, float]
    prior_low: float
    prior_high: float
    published: float | None = None


@dataclass(frozen=True)
class Optimum:
    """The best configuration, with its uncertainty.

    Attributes
    ----------
    quantities : dict of str to Quantity
        By expression over canonical variables.
    predicted : tuple of float
        Median, low and high of the law's value at each draw's own optimum.
    predicts : str
        What the law predicts.
    at : dict of str to float
        Variables that were fixed or held.
    budget : Budget
        What was asked to be kept.
    probability : float
        Probability of the intervals.
    notes : tuple of Note
        The posterior's, and the optimum's own.
    draws : dict of str to ndarray of shape (draws,)
        The optimum of every draw.
    """

    quantities: dict[str, Quantity]
    predicted: tuple[float, float, float]
    predicts: str
    at: dict[str, float]
    budget: Budget
    probability: float
    notes: tuple[Note, ...]
    draws: dict[str, np.ndarray] = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """The answer as plain data, draws left out.

        Returns
        -------
        dict
            ``quantities``, ``predicted``, ``at``, ``budget``, ``interval`` and ``notes``.
        """
        names = ("median", "low", "high")
        predicted = dict(zip(names, self.predicted, strict=True))
        return {
            "quantities": {name: asdict(quantity) for name, quantity in self.quantities.items()},
            "predicted": {"of": self.predicts, **predicted},
            "at": self.at,
            "budget": self.budget.to_dict(),
            "interval": self.probability,
            "notes": [note.to_dict() for note in self.notes],
        }

    def to_frame(self) -> pd.DataFrame:
        """The quantities as a table.

        Returns
        -------
        pandas.DataFrame
            A row a quantity; shares of draws by status in columns of their own.
        """
        import pandas as pd

        rows = {}
        for name, quantity in self.quantities.items():
            row = asdict(quantity)
            rows[name] = {**row, **row.pop("shares")}
            del rows[name]["shares"]
        return pd.DataFrame.from_dict(rows, orient="index")
