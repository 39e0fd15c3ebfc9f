"""A posterior or a mixture as the laws that take part in an answer, and with which weights."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bayeslaw.core.errors import RequestError
from bayeslaw.core.notes import Note
from bayeslaw.law import Law
from bayeslaw.optimum.budget import Budget
from bayeslaw.posterior.mixture import Mixture, mixture_notes
from bayeslaw.posterior.posterior import Posterior


@dataclass(frozen=True)
class Members:
    """Posteriors that can answer, at least in part; a single posterior is a mixture of one.

    Their weights sum to one; ``dropped`` says which laws of a mixture are left out, and of what.
    """

    posteriors: tuple[Posterior, ...]
    weights: np.ndarray
    mixed: bool
    dropped: tuple[Note, ...] = ()

    @classmethod
    def of(
        cls,
        source: Posterior | Mixture,
        required: Collection[str],
        *,
        place: str,
        partly: Callable[[Law], bool] = lambda law: False,
    ) -> Members:
        """Resolve who can answer for the required variables; ``partly`` admits part of them."""
        if isinstance(source, Posterior):
            return cls((source,), np.ones(1), mixed=False)
        kept, notes = [], []
        for posterior, weight in zip(source.posteriors, source.weights, strict=True):
            law = posterior.law
            lacking = [name for name in required if name not in law.variables]
            if lacking and source.on_missing == "error":
                raise RequestError(
                    f"{law.name} has no variable {lacking[0]!r}",
                    place=f"{place}, mixture",
                    remedy="Restrict the request to variables of all laws (free=, at=, columns), "
                    "or drop that law: average_laws(..., on_missing='drop')",
                )
            takes_part = not lacking or partly(law)
            if takes_part:
                kept.append((posterior, float(weight)))
            if lacking:
                effect = "is left out of their answers" if takes_part else "is dropped"
                message = (
                    f"{law.name} lacks {', '.join(lacking)} and {effect}: the weights of the "
                    "other laws are renormalised"
                )
                notes.append(Note("law_dropped", "warning", message))
        if not kept:
            raise RequestError(
                f"no law of the mixture has {', '.join(required)}",
                place=f"{place}, mixture",
                remedy="Leave out variables (free=, at=, columns), or use one posterior",
            )
        weights = np.array([weight for _, weight in kept])
        posteriors = tuple(posterior for posterior, _ in kept)
        return cls(posteriors, weights / weights.sum(), True, tuple(notes))

    def most_variables_first(self) -> Members:
        """The same in another order."""
        order = np.argsort([-len(p.law.variables) for p in self.posteriors], kind="stable")
        posteriors = tuple(self.posteriors[i] for i in order)
        return replace(self, posteriors=posteriors, weights=self.weights[order])

    def without(self, left_out: Sequence[tuple[Posterior, RequestError]]) -> Members:
        """The same without some, which notes say why."""
        if not left_out:
            return self
        gone = [posterior for posterior, _ in left_out]
        kept = [i for i, each in enumerate(self.posteriors) if not any(each is p for p in gone)]
        weights = self.weights[kept]
        notes = [
            Note(
                "law_dropped",
                "warning",
                f"{posterior.law.name} is dropped: {error.problem}; the weights of the other laws "
                "are renormalised",
            )
            for posterior, error in left_out
        ]
        return replace(
            self,
            posteriors=tuple(self.posteriors[i] for i in kept),
            weights=weights / weights.sum(),
            dropped=(*self.dropped, *notes),
        )

    @property
    def notes(self) -> tuple[Note, ...]:
        """Notes of the posteriors, of their weights, and of the laws that were dropped."""
        if not self.mixed:
            return self.posteriors[0].notes
        return (*mixture_notes(self.posteriors, self.weights), *self.dropped)

    def require_same_cost(self, budget: Budget, *, place: str) -> None:
        """Refuse laws that would spend one budget in different ways."""
        if budget.cost is not None:
            return
        costs = [posterior.law.cost for posterior in self.posteriors]
        formulas = list(dict.fromkeys("no cost" if c is None else c.formula for c in costs))
        if len(formulas) > 1:
            raise RequestError(
                f"the laws of the mixture spend {' and '.join(formulas)}",
                place=f"{place}, mixture",
                remedy="State one cost for all of them: Budget(cost='6*N_a*D'), --cost",
            )


def laws_of(source: Posterior | Mixture) -> list[Law]:
    """The law of a posterior, or those of a mixture."""
    posteriors = source.posteriors if isinstance(source, Mixture) else (source,)
    return [posterior.law for posterior in posteriors]
