"""What runs shall narrow: an optimum, a predicted loss, a difference, the regret of a choice."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, override
from weakref import WeakKeyDictionary

import numpy as np

from bayeslaw.core.errors import RequestError, check_names
from bayeslaw.core.notes import Note
from bayeslaw.core.quantities import count, quantity
from bayeslaw.core.vocabulary import check_values
from bayeslaw.design.sampled import Sampled, log_losses
from bayeslaw.formula import Expression, parse_expression
from bayeslaw.optimum import notes
from bayeslaw.optimum.candidates import Candidates
from bayeslaw.optimum.extrapolated import optimise_with_error
from bayeslaw.optimum.optimise import DrawOptima, optimise_draws
from bayeslaw.optimum.pose import pose
from bayeslaw.optimum.request import Request
from bayeslaw.posterior.evaluation import evaluate_with_error
from bayeslaw.posterior.posterior import Posterior

if TYPE_CHECKING:
    import pandas as pd

# Share of draws on either side whose optima count as the last ones within.
_TAIL = 0.005
# Optima among which the choice of one is judged.
_OPTIONS = 40
# Options whose chance of being the best is smaller do not count.
_UNLIKELY = 0.002


class Target(ABC):
    """A quantity of interest under a posterior.

    ``label`` names it, ``logarithmic`` says whether widths are of its logarithm.
    """

    label: str
    logarithmic: bool

    @property
    @abstractmethod
    def names(self) -> frozenset[str]:
        """Variables that a law needs to answer."""

    @abstractmethod
    def values(self, posterior: Posterior) -> np.ndarray:
        """Under every draw, of shape (draws,), on the scale of its widths."""

    @property
    def contrast(self) -> tuple[dict[str, np.ndarray], np.ndarray] | None:
        """Points, and factors (targets, points), where targets are sums of log losses."""
        return None

    def held(self, posterior: Posterior) -> list[Note]:
        """Notes on variables that nothing fixes and that stay at the reference run."""
        return []

    def options(self, sampled: Sampled) -> np.ndarray | None:
        """Losses of what can be chosen, of shape (draws, options), if anything."""
        return None

    def narrowed(self, sampled: Sampled) -> tuple[np.ndarray, np.ndarray]:
        """What the rule narrows, of shape (draws, targets), and how much each counts."""
        return self.draws(sampled)[:, None], np.ones(1)

    def draws(self, sampled: Sampled) -> np.ndarray:
        """Values under the draws of all laws."""
        return np.concatenate([self.values(one) for one in sampled.posteriors])


@dataclass(frozen=True)
class OptimumTarget(Target):
    """The logarithm of a variable, ratio or product at the optimum of a request."""

    label: str
    expression: Expression
    request: Request
    logarithmic: bool = True
    # Optima are searched for once: their values, and the options among them.
    _found: WeakKeyDictionary[Posterior, tuple[DrawOptima, Mapping[str, float]]] = field(
        default_factory=WeakKeyDictionary, repr=False, compare=False
    )

    @classmethod
    def of(cls, text: str, request: Request, posteriors: Sequence[Posterior]) -> OptimumTarget:
        """Read the name of an optimum."""
        expression = parse_expression(text, place=f"{request.place}, target")
        for posterior in posteriors:
            law = posterior.law
            problem = f"{law.name} has no variable {{!r}}"
            check_names(
                sorted(expression.names), law.variables, problem, place=f"{request.place}, target"
            )
        zero = any(
            values.min() <= 0
            for one in posteriors
            for name in expression.names
            for values in [one.runs.column(name)]
        )
        where = [f"{name} = {count(value)}" for name, value in request.at.items()]
        if request.budget.flops is not None:
            where.append(f"{count(request.budget.flops)} FLOPs")
        label = f"best {expression.text}" + f" at {', '.join(where)}" * bool(where)
        return cls(label, expression, request, logarithmic=not (zero or text == "S"))

    @property
    @override
    def names(self) -> frozenset[str]:
        return frozenset({*self.expression.names, *self.request.at})

    @override
    def values(self, posterior: Posterior) -> np.ndarray:
        optima, _ = self._optima(posterior)
        with np.errstate(all="ignore"):
            found = optima.values(self.expression)
            found = np.log(found) if self.logarithmic else found
        known = np.isfinite(found)
        if not known.any():
            raise RequestError(
                f"no draw of {posterior.law.name} has an optimum in {self.expression.text}",
                place=self.request.place,
                remedy="Cap or fix more variables: target_budget=, at=",
            )
        low, high = np.quantile(found[known], [_TAIL, 1.0 - _TAIL])
        # Draws whose optimum runs away count as the furthest; what did not converge as the median.
        found = np.where(np.isnan(found), np.median(found[known]), found)
        return np.asarray(np.clip(found, low, high))

    @override
    def held(self, posterior: Posterior) -> list[Note]:
        problem = pose(posterior.law, posterior.reference, self._request(posterior))
        remedy = "Fix it with at= or --at if the optimum depends on it"
        return notes.held(problem.fixed, problem.held, remedy)

    @override
    def options(self, sampled: Sampled) -> np.ndarray | None:
        names = dict.fromkeys(n for one in sampled.posteriors for n in one.law.variables)
        parts: dict[str, list[np.ndarray]] = {name: [] for name in names}
        for one, share in zip(sampled.posteriors, sampled.shares, strict=True):
            optima, fixed = self._optima(one)
            usable = np.all([np.isfinite(v) for v in optima.columns.values()], axis=0)
            places = np.flatnonzero(optima.converged & usable)
            count = min(len(places), max(2, round(_OPTIONS * float(share))))
            if not count:
                continue
            kept = places[np.linspace(0, len(places) - 1, count).astype(int)]
            reference = {n: v for p in sampled.posteriors for n, v in p.reference.at.items()}
            for name in names:
                column = optima.columns.get(name)
                value = fixed.get(name, reference[name])
                parts[name].append(np.full(count, value) if column is None else column[kept])
        columns = {name: np.concatenate(values) for name, values in parts.items() if values}
        if not columns:
            return None
        return np.concatenate(
            [evaluate_with_error(one.model, _of(columns, one)) for one in sampled.posteriors]
        )

    def _request(self, posterior: Posterior) -> Request:
        """The request without what a law lacks, unless the cost reads it."""
        request, known = self.request, posterior.law.variables
        if request.budget.flops is not None or set(request.at) <= set(known):
            return request
        return replace(request, at={n: v for n, v in request.at.items() if n in known})

    def _optima(self, posterior: Posterior) -> tuple[DrawOptima, Mapping[str, float]]:
        if posterior not in self._found:
            self._found[posterior] = self._searched(posterior)
        return self._found[posterior]

    def _searched(self, posterior: Posterior) -> tuple[DrawOptima, Mapping[str, float]]:
        problem = pose(posterior.law, posterior.reference, self._request(posterior))
        draws = posterior.coefficients()
        if posterior.extrapolation is None:
            return optimise_draws(problem, draws), problem.fixed
        _, _, (optima, *_) = optimise_with_error(posterior, problem, [draws])
        return optima, problem.fixed


@dataclass(frozen=True)
class LossTarget(Target):
    """The log loss of a run at a configuration, or its difference between two."""

    label: str
    columns: dict[str, np.ndarray]
    factors: np.ndarray
    predicts: str
    logarithmic: bool = True

    @classmethod
    def of(
        cls,
        configurations: Sequence[Mapping[str, Any]],
        posteriors: Sequence[Posterior],
        place: str,
    ) -> LossTarget:
        """Read one configuration or two; what they do not name is at the reference run."""
        variables = list(dict.fromkeys(n for one in posteriors for n in one.law.variables))
        reference = {n: v for one in posteriors for n, v in one.reference.at.items()}
        points, labels = [], []
        for one in configurations:
            if not isinstance(one, Mapping) or not one:
                raise RequestError(
                    f"a target {one!r}", place=place, remedy='Give a mapping: {"N": 30e9, ...}'
                )
            check_names(one, variables, "no law has a variable {!r}", place=f"{place}, target")
            given = {n: quantity(v, n, place=f"{place}, target") for n, v in one.items()}
            check_values(given, place=f"{place}, target", typical=reference)
            points.append({**{n: reference[n] for n in variables}, **given})
            labels.append(", ".join(f"{n} = {count(v)}" for n, v in given.items()))
        predicts = posteriors[0].law.predicts
        text = " and ".join(labels)
        difference = len(points) == 2
        label = f"ratio of {predicts} at {text}" if difference else f"{predicts} at {text}"
        columns = {n: np.array([point[n] for point in points], dtype=float) for n in variables}
        return cls(label, columns, np.array([1.0, -1.0][: len(points)]), predicts)

    @property
    @override
    def names(self) -> frozenset[str]:
        return frozenset()

    @override
    def values(self, posterior: Posterior) -> np.ndarray:
        return np.asarray(log_losses(posterior, _of(self.columns, posterior)) @ self.factors)

    @property
    @override
    def contrast(self) -> tuple[dict[str, np.ndarray], np.ndarray]:
        return self.columns, self.factors[None, :]

    @override
    def options(self, sampled: Sampled) -> np.ndarray | None:
        if len(self.factors) == 1:
            return None
        return np.exp(sampled.log_losses(self.columns))


@dataclass(frozen=True, eq=False)
class RegretTarget(Target):
    """The regret of a choice among configurations."""

    table: pd.DataFrame
    request: Request
    label: str = "loss of the choice less that of the best other one"
    logarithmic: bool = False
    #: Place of the configuration that is chosen now.
    chosen: int = 0

    @property
    @override
    def names(self) -> frozenset[str]:
        return frozenset()

    @override
    def values(self, posterior: Posterior) -> np.ndarray:
        losses = self._losses(posterior)
        others = np.delete(losses, self.chosen, axis=1)
        return np.asarray(losses[:, self.chosen] - others.min(axis=1))

    @override
    def options(self, sampled: Sampled) -> np.ndarray:
        return np.concatenate([self._losses(one) for one in sampled.posteriors])

    @override
    def narrowed(self, sampled: Sampled) -> tuple[np.ndarray, np.ndarray]:
        """Differences to the best in expectation, by the chance that one is better than it."""
        losses, weights = self.options(sampled), sampled.weights
        best = int(np.argmin(weights @ losses))
        rivals = losses - losses[:, [best]]
        chance = weights @ (losses == losses.min(axis=1, keepdims=True))
        kept = np.flatnonzero((chance > _UNLIKELY) & (np.arange(len(chance)) != best))
        if not len(kept):
            # One is the best under every draw: what could come nearest counts.
            spread = np.sqrt(weights @ rivals**2) / np.maximum(weights @ rivals, 1e-300)
            kept = np.argsort(-np.where(np.arange(len(chance)) == best, 0.0, spread))[:1]
        return rivals[:, kept], np.maximum(chance[kept], _UNLIKELY)

    def _losses(self, posterior: Posterior) -> np.ndarray:
        part = Candidates.of(posterior, self.table, self.request)
        sense = 1.0 if posterior.law.optimum.sense == "min" else -1.0
        return sense * evaluate_with_error(posterior.model, part.part(part.legal).columns)


def _of(columns: Mapping[str, np.ndarray], posterior: Posterior) -> dict[str, np.ndarray]:
    """The columns that a law reads."""
    return {name: columns[name] for name in posterior.law.variables}
