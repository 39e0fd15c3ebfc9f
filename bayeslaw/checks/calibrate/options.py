"""What ``calibrate`` is given, checked and made definite."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from bayeslaw.checks.calibrate.quantities import Quantities, larger
from bayeslaw.core.errors import RequestError, nearest, real, whole
from bayeslaw.formula import parse_expression
from bayeslaw.law import Law
from bayeslaw.model.kernels import Offsets
from bayeslaw.model.options import DiscrepancyOption
from bayeslaw.model.simulate import DESIGNS, draw_design
from bayeslaw.optimum.budget import Budget
from bayeslaw.optimum.pose import pose
from bayeslaw.optimum.request import budget_of, numbers_of
from bayeslaw.posterior.convergence import SMALLEST_ESS
from bayeslaw.posterior.info import FitSettings
from bayeslaw.posterior.posterior import Posterior
from bayeslaw.runs import Reference, Runs, read_runs
from bayeslaw.runs.read import configurations

PLACE = "calibrate"
# A loss in nats where neither table nor card states a scale.
_TYPICAL_LOSS = 3.0


def as_runs(design: Mapping[str, np.ndarray]) -> Runs:
    """Configurations as a table without losses."""
    return Runs(table=pd.DataFrame(dict(design)), source="the design", variables=tuple(design))


def check_discrepancy(asked: DiscrepancyOption) -> None:
    """Refuse what no design tells."""
    given = asked if isinstance(asked, list | tuple) else [asked]
    if any(one == "group" or isinstance(one, Offsets) for one in given):
        raise RequestError(
            "a design says of no run which group it will belong to",
            place=PLACE,
            remedy='Calibrate with discrepancy="gp", "growth" or none',
        )


def check_settings(settings: FitSettings, tables: int, batch: int) -> None:
    """Refuse settings under which no fit could be trusted."""
    whole(tables, "tables", place=PLACE, least=1)
    whole(batch, "batch", place=PLACE, least=1)
    if settings.method == "mode":
        raise RequestError(
            "the mode has no intervals", place=f"{PLACE}, method", remedy="nuts or laplace"
        )
    if settings.chains * settings.draws <= SMALLEST_ESS:
        raise RequestError(
            f"{settings.chains} chains of {settings.draws} draws: no fit could be trusted, which "
            f"takes {SMALLEST_ESS:.0f} effective draws",
            place=PLACE,
            remedy="Give chains=2, draws=1000",
        )


def check_posterior(old: Posterior, law: Law, noise: str, moved: float) -> None:
    """Refuse a posterior whose draws are no truths of this model."""
    wrong = ""
    for there, said in (
        (old.discrepancy is not None, "with a discrepancy"),
        (old.grouped, "whose coefficients vary by group"),
        ("loss_se" in old.runs.variables, "of runs whose losses have errors"),
    ):
        if there:
            raise RequestError(
                f"truths of a posterior {said}",
                place=PLACE,
                remedy="Fit without that, or take truths from the prior",
            )
    if old.law.card != law.card:
        wrong = f"a posterior of {old.law.name}, and the law {law.name}"
        if old.law.name == law.name:
            wrong += " with another card"
    elif old.noise.name != noise:
        wrong = f"a posterior with noise {old.noise.name}, and noise={noise!r}"
    elif moved:
        wrong = "moved, and a posterior under the priors as they are"
    if wrong:
        raise RequestError(
            wrong, place=PLACE, remedy="Calibrate a posterior under its own law, priors and noise"
        )


def designs(law: Law, given: Any, rows: int, seed: int) -> Callable[[int], dict[str, np.ndarray]]:
    """Configurations of the i-th table."""
    if isinstance(given, str):
        if given not in DESIGNS:
            remedy = nearest(given, DESIGNS) + ". Or give a table of configurations"
            raise RequestError(f"unknown design {given!r}", place=PLACE, remedy=remedy)
        whole(rows, "rows", place=PLACE, least=1)
        return lambda i: draw_design(law, given, rows, seed=(seed + 7919 * (i + 1)) % 2**32)
    runs = given.runs if isinstance(given, Posterior) else given
    if not isinstance(runs, Runs):
        runs = read_runs(configurations(runs))
    runs = runs.require(law.variables, purpose=f"the law {law.name!r}")
    if not len(runs):
        raise RequestError("a design without runs", place=PLACE, remedy="Give at least one")
    columns = runs.columns(law.variables)
    return lambda i: columns


def usual_reference(law: Law, columns: Mapping[str, np.ndarray]) -> Reference:
    """The reference of a design: its typical run and the loss there."""
    import pandas as pd

    filler = np.full(len(next(iter(columns.values()))), _TYPICAL_LOSS)
    table = pd.DataFrame({**columns, law.predicts: filler})
    found = Reference.of(
        Runs(table, "design", (*law.variables, law.predicts)), law.variables, law.predicts
    )
    if law.coefficients:
        value = float(law.form.predict(found.at, law.published()))
        return replace(found, loss=float(f"{value:.0e}"))
    if law.predicts != "loss":
        raise RequestError(
            f"{law.name} has no published coefficients, and {law.predicts} no usual scale",
            place=PLACE,
            remedy="Give reference=bl.Reference(loss=..., at=...)",
        )
    return found


def source_of(law: Law, truth: Any) -> tuple[Posterior | dict[str, float] | None, str]:
    """Where truths come from."""
    if isinstance(truth, Posterior):
        return truth, f"truths from the posterior of {truth.runs.source}, whose runs are fitted too"
    if isinstance(truth, Mapping):
        missing = [name for name in law.parameters if name not in truth]
        if missing:
            raise RequestError(
                f"no value of {', '.join(missing)}",
                place=f"{PLACE}, truth",
                remedy=f"{law.name} has {', '.join(law.parameters)}",
            )
        given = {name: real(truth[name], name, place=f"{PLACE}, truth") for name in law.parameters}
        return given, "truth as given"
    if truth == "prior":
        return None, "truths from the prior"
    if truth == "published":
        return law.published(), "truth as published"
    if not isinstance(truth, str) or truth not in law.coefficients:
        raise RequestError(
            f"truth = {truth!r}",
            place=PLACE,
            remedy=nearest(str(truth), ["prior", "published", *law.coefficients])
            + ". Or give coefficients, or a posterior",
        )
    return law.published(truth), f"truth as published ({truth})"


def quantities_of(
    law: Law,
    reference: Reference,
    columns: Mapping[str, np.ndarray],
    at: Mapping[str, float] | None,
    budget: Budget | None,
    free: Iterable[str] | None,
    times: float | None,
    more: Mapping[str, str] | None,
) -> Quantities:
    """What is asked of every fit."""
    question = None
    if at is not None or budget is not None or free is not None:
        question = pose(
            law,
            reference,
            at=numbers_of(at, place=f"{PLACE}, at"),
            budget=budget_of(budget, place=PLACE),
            free=free,
        )
    if times is not None and not real(times, "times", place=PLACE) > 1:
        raise RequestError(f"times = {times!r}", place=PLACE, remedy="Above 1, or None")
    far = {} if times is None else larger(law, columns, float(times))
    known = {*law.parameters, *law.letters, *(target for target, _ in law.formula.lines)}
    extra = {}
    for name, text in (more or {}).items():
        extra[name] = parse_expression(text, place=f"{PLACE}, quantities")
        for read in sorted(extra[name].names - known):
            raise RequestError(
                f"{text!r} reads {read!r}",
                place=f"{PLACE}, quantities",
                remedy=nearest(read, sorted(known)),
            )
    return Quantities(law, reference, question, far, times or 0.0, extra)
