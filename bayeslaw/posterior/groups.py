"""What a posterior says of single groups, where coefficients vary from group to group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from bayeslaw.core.errors import RequestError, nearest

if TYPE_CHECKING:
    from bayeslaw.posterior.posterior import Posterior


def evaluated_by_group(posterior: Posterior, columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """The law's value with the coefficients of each configuration's own group."""
    places = np.stack([one.places(columns[one.column]) for one in posterior.pool])
    found = np.empty((posterior.draws["noise_scale"].size, places.shape[1]))
    for these in np.unique(places, axis=1).T:
        mine = (places == these[:, None]).all(axis=0)
        block = {
            name: np.broadcast_to(columns[name], len(mine))[mine]
            for name in posterior.law.variables
        }
        found[:, mine] = posterior.evaluate(block, coefficients=of_places(posterior, these))
    return found


def of_places(posterior: Posterior, places: np.ndarray) -> dict[str, np.ndarray]:
    """Raw coefficients of one group."""
    specification = posterior.specification
    names = [*posterior.law.parameters, *(name for one in posterior.pool for name in one.priors)]
    values = {name: posterior.draws[specification.site(name)].ravel() for name in names}
    rng = np.random.default_rng(posterior.info.settings.seed)
    for one, place in zip(posterior.pool, places, strict=True):
        if place < 0:
            values[one.sites[0]] = rng.standard_normal(values[one.scale].shape)
    model, data = specification.build(posterior.runs)
    known = np.maximum(places, 0)
    return model.of_groups(posterior.coefficients(), values, data, known, np)


def of_group(posterior: Posterior, labels: Mapping[str, str]) -> Posterior:
    """The posterior of one group."""
    if posterior.discrepancy is not None:
        raise RequestError(
            "one group beside a discrepancy, which is told by the runs of all",
            place="of_group",
            remedy="Name the group in what is predicted, or fit without a discrepancy",
        )
    if not posterior.pool:
        raise RequestError(
            "no coefficient varies by group",
            place="of_group",
            remedy='Fit with pool=, such as fit(runs, law, pool=["E"])',
        )
    wanted = {one.column for one in posterior.pool}
    if set(labels) != wanted:
        raise RequestError(
            f"groups are told by {', '.join(sorted(wanted))}",
            place="of_group",
            remedy="Give each: of_group("
            + ", ".join(f"{name}=..." for name in sorted(wanted))
            + ")",
        )
    for one in posterior.pool:
        if str(labels[one.column]) not in one.groups:
            raise RequestError(
                f"no run has the {one.column} {labels[one.column]!r}",
                place="of_group",
                remedy=nearest(str(labels[one.column]), one.groups),
            )
    places = np.array([one.places([labels[one.column]])[0] for one in posterior.pool])
    shape = posterior.draws["noise_scale"].shape
    raw = {name: value.reshape(shape) for name, value in of_places(posterior, places).items()}
    form, at, scale = posterior.law.form, posterior.reference.at, posterior.reference.loss
    on = {
        posterior.specification.site(name): value
        for name, value in form.to_on(raw, at, scale).items()
    }
    own = {name for one in posterior.pool for name in one.priors}
    draws = {name: value for name, value in posterior.draws.items() if name not in own}
    draws |= {name: on[name] for name in draws if name in on} | raw
    if "T" in draws:
        draws["T"] = form.predict(at, raw)
    return replace(
        posterior,
        draws=draws,
        pool=(),
        info=replace(
            posterior.info, settings=replace(posterior.info.settings, pool=()), group=dict(labels)
        ),
    )
