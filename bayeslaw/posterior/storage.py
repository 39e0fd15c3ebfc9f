"""Posteriors as ArviZ DataTrees, and these as netCDF files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.errors import PosteriorError
from bayeslaw.core.files import destination, write_file
from bayeslaw.core.kept import checksum
from bayeslaw.core.notes import Note
from bayeslaw.posterior.fitted_model import FittedModel
from bayeslaw.posterior.info import FitInfo
from bayeslaw.posterior.prediction import log_likelihood

if TYPE_CHECKING:
    import xarray as xr

FORMAT = 3
#: Log likelihoods are stored up to this many numbers; beyond, they are computed when needed.
LARGEST_STORED = 10_000_000
ATTRIBUTE, CHECKSUM = "bayeslaw", "bayeslaw_checksum"
#: What a posterior is made of; the other groups are for other programs.
GROUPS = ("posterior", "sample_stats", "constant_data")
#: Dimension of the runs.
ROW = "training_run"
#: With a blank, which no variable has in its name.
WEIGHTS = "noise weights"
#: Head of the names of the error beyond the runs, among the statistics.
ERROR = "error beyond "
Arrays = Mapping[str, np.ndarray]


def to_tree(
    model: FittedModel, stats: Arrays, prior: Arrays, notes: tuple[Note, ...], info: FitInfo
) -> xr.DataTree:
    """Arrange a posterior in ArviZ's groups, with all that is not an array as JSON."""
    import xarray as xr

    runs, predicts = model.runs, model.law.predicts
    sampled = ("chain", "draw")
    chains, draws = stats["diverging"].shape
    steps = {"chain": np.arange(chains), "draw": np.arange(draws)}
    rows = {ROW: _storable(runs.table.index.to_numpy())}

    def dataset(values: Arrays, dims: tuple[str, ...], coords: Any) -> xr.Dataset:
        return xr.Dataset({name: (dims, value) for name, value in values.items()}, coords=coords)

    constant = {name: runs.column(name) for name in runs.variables}
    # Groups may have any name, which a variable of netCDF may not; no variable has a blank in its.
    constant |= {
        f"group {i}": _storable(runs.table[name].to_numpy()) for i, name in enumerate(runs.groups)
    }
    if model.weights is not None:
        constant[WEIGHTS] = model.weights
    if (error := model.extrapolation) is not None:
        flat = {"scale": error.scale, "level": error.level}
        flat |= {f"tilt {i}": values for i, values in enumerate(error.tilt.values())}
        beyond = {ERROR + name: v.reshape(chains, draws) for name, v in flat.items()}
        stats = {**stats, **beyond}
    before = {"chain": [0], "draw": np.arange(len(next(iter(prior.values()))))}
    groups = {
        "posterior": dataset(model.draws, sampled, steps),
        "sample_stats": dataset(stats, sampled, steps),
        "observed_data": dataset({f"ln_{predicts}": model.measured}, (ROW,), rows),
        "constant_data": dataset(constant, (ROW,), rows),
        "prior": dataset({name: v[None, :] for name, v in prior.items()}, sampled, before),
    }
    # With a discrepancy the pointwise log likelihood is undefined.
    if model.specification.discrepancy is None and model.size * len(runs) <= LARGEST_STORED:
        likelihood = log_likelihood(model, runs).reshape(chains, draws, len(runs))
        dims = (*sampled, ROW)
        groups["log_likelihood"] = dataset({f"ln_{predicts}": likelihood}, dims, {**steps, **rows})
    tree = xr.DataTree.from_dict(groups)
    text = json.dumps(_to_json(model, notes, info))
    content = {name: arrays(groups[name]) for name in GROUPS}
    tree.attrs |= {ATTRIBUTE: text, CHECKSUM: content_checksum(text, content)}
    return tree


def _storable(labels: np.ndarray) -> np.ndarray:
    # One by one, since tuples would make an array of two dimensions.
    return np.array([str(one) for one in labels]) if labels.dtype == object else labels


def arrays(dataset: xr.Dataset) -> dict[str, np.ndarray]:
    """What a group holds, with the labels of the runs."""
    names = [name for name in dataset.variables if name in dataset.data_vars or name == ROW]
    return {str(name): dataset[name].to_numpy() for name in names}


def content_checksum(text: str, content: Mapping[str, Arrays]) -> str:
    """The checksum of everything that a posterior is made of."""
    named = {f"{group}/{n}": v for group, values in content.items() for n, v in values.items()}
    return checksum(text, named)


def _to_json(model: FittedModel, notes: tuple[Note, ...], info: FitInfo) -> dict[str, Any]:
    specification, runs = model.specification, model.runs
    discrepancy = specification.discrepancy
    return {
        "format": FORMAT,
        "card": model.law.card,
        "place": model.law.place,
        "reference": specification.reference.to_dict(),
        "noise": model.noise.name,
        "discrepancy": discrepancy and discrepancy.to_dict(),
        "pool": [[pool.parameter, pool.column, pool.groups] for pool in specification.pool],
        "extrapolation": None
        if model.extrapolation is None
        else {"prior": asdict(model.extrapolation.prior), "shapes": [*model.extrapolation.tilt]},
        "runs": {
            "source": runs.source,
            "variables": runs.variables,
            "groups": runs.groups,
            "index": runs.table.index.name,
            "embeddings": runs.embeddings,
            "loss_unit": runs.loss_unit,
            "notes": [note.to_dict() for note in runs.notes],
            "fingerprint": runs.fingerprint,
        },
        "notes": [note.to_dict() for note in notes],
        "info": info.to_dict(),
    }


def write(path: str | Path, to_tree: Callable[[], xr.DataTree]) -> None:
    """Write a tree to a netCDF file, whole or not at all."""
    destination(path, error=PosteriorError)
    # In memory first: HDF5 ends the process where a disk is full or a file may not grow.
    write_file(path, bytes(to_tree().to_netcdf(engine="h5netcdf")), error=PosteriorError)
