"""Posteriors as ArviZ DataTrees, and as netCDF files that end with a checksum."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.errors import PosteriorError
from bayeslaw.core.files import destination, write_file
from bayeslaw.core.kept import seal
from bayeslaw.core.notes import Note
from bayeslaw.posterior.fitted_model import FittedModel
from bayeslaw.posterior.info import FitInfo
from bayeslaw.posterior.prediction import log_likelihood

if TYPE_CHECKING:
    import h5py
    import xarray as xr

FORMAT = 4
#: Log likelihoods are computed for ArviZ up to this many numbers.
LARGEST_STORED = 10_000_000
ATTRIBUTE = "bayeslaw"
#: What a posterior is made of.
GROUPS = ("posterior", "sample_stats", "constant_data")
#: Dimension of the runs.
ROW = "training_run"
#: With a blank, which no variable has in its name.
WEIGHTS = "noise weights"
#: Head of the names of the error beyond the runs, among the statistics.
ERROR = "error beyond "
Arrays = dict[str, np.ndarray]
#: Arrays by name, and the dimensions that all of them have.
Group = tuple[Arrays, tuple[str, ...]]
_SAMPLED = ("chain", "draw")


def to_tree(
    model: FittedModel, stats: Arrays, prior: Arrays, notes: tuple[Note, ...], info: FitInfo
) -> xr.DataTree:
    """Arrange a posterior in ArviZ's groups, with all that is not an array as JSON."""
    import xarray as xr

    runs, (chains, draws) = model.runs, stats["diverging"].shape
    steps, groups = _coordinates(model, stats), _groups(model, stats)
    # With a discrepancy the pointwise log likelihood is undefined.
    if model.specification.discrepancy is None and model.size * len(runs) <= LARGEST_STORED:
        likelihood = log_likelihood(model, runs).reshape(chains, draws, len(runs))
        groups["log_likelihood"] = {f"ln_{model.law.predicts}": likelihood}, (*_SAMPLED, ROW)
    datasets = {
        name: xr.Dataset(
            {variable: (dims, values) for variable, values in arrays.items()},
            coords={dim: steps[dim] for dim in dims},
        )
        for name, (arrays, dims) in groups.items()
    }
    before = {"chain": [0], "draw": np.arange(len(next(iter(prior.values()))))}
    drawn = {name: (_SAMPLED, values[None, :]) for name, values in prior.items()}
    datasets["prior"] = xr.Dataset(drawn, coords=before)
    # Twins of coefficients would stand twice in summaries and pictures.
    twins = [name for name in model.draws if name == "T" or name.endswith("_on")]
    for name in ("posterior", "prior") if twins else ():
        datasets[f"{name}_at_reference"] = datasets[name][twins]
        datasets[name] = datasets[name].drop_vars(twins)
    tree = xr.DataTree.from_dict(datasets)
    tree.attrs[ATTRIBUTE] = json.dumps(_to_json(model, notes, info))
    return tree


def _coordinates(model: FittedModel, stats: Arrays) -> Arrays:
    chains, draws = stats["diverging"].shape
    index = _storable(model.runs.table.index.to_numpy())
    return {"chain": np.arange(chains), "draw": np.arange(draws), ROW: index}


def _groups(model: FittedModel, stats: Arrays) -> dict[str, Group]:
    """What is kept in a file."""
    runs = model.runs
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
        shape = stats["diverging"].shape
        stats = {**stats, **{ERROR + name: v.reshape(shape) for name, v in flat.items()}}
    return {
        "posterior": ({**model.draws}, _SAMPLED),
        "sample_stats": (stats, _SAMPLED),
        "constant_data": (constant, (ROW,)),
        "observed_data": ({f"ln_{model.law.predicts}": model.measured}, (ROW,)),
    }


def _storable(labels: np.ndarray) -> np.ndarray:
    # One by one, since tuples would make an array of two dimensions.
    return np.array([str(one) for one in labels]) if labels.dtype == object else labels


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
        "pool": [pool.to_dict() for pool in specification.pool],
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


def write(
    path: str | Path, model: FittedModel, stats: Arrays, notes: tuple[Note, ...], info: FitInfo
) -> None:
    """Write a posterior to a netCDF file, whole or not at all."""
    destination(path, error=PosteriorError)
    write_file(path, seal(_to_netcdf(model, stats, notes, info)), error=PosteriorError)


def _to_netcdf(model: FittedModel, stats: Arrays, notes: tuple[Note, ...], info: FitInfo) -> bytes:
    """The bytes of a netCDF file: HDF5 with dimension scales."""
    import h5py

    steps = _coordinates(model, stats)
    # In memory: HDF5 ends the process where a disk is full or a file may not grow.
    with h5py.File("posterior", "w", driver="core", backing_store=False, track_order=True) as file:
        file.attrs[ATTRIBUTE] = json.dumps(_to_json(model, notes, info))
        for name, (arrays, dims) in _groups(model, stats).items():
            group = file.create_group(name, track_order=True)
            scales = [_create(group, dim, steps[dim]) for dim in dims]
            for dim, scale in zip(dims, scales, strict=True):
                scale.make_scale(dim)
            for variable, values in arrays.items():
                dataset = _create(group, variable, values)
                for i, scale in enumerate(scales):
                    dataset.dims[i].attach_scale(scale)
        file.flush()
        return bytes(file.id.get_file_image())


def _create(group: h5py.Group, name: str, values: np.ndarray) -> h5py.Dataset:
    """Store an array as xarray does, which reads text, truth values and times like these."""
    import h5py

    kind, attributes = values.dtype.kind, {}
    if kind == "U":
        return group.create_dataset(name, data=values.astype(object), dtype=h5py.string_dtype())
    if kind == "b":
        values, attributes = values.astype(np.int8), {"dtype": "bool"}
    elif kind in "mM":
        values = values.astype(f"{kind}8[ns]").astype(np.int64)
        attributes = {"units": "nanoseconds" + " since 1970-01-01" * (kind == "M")}
    dataset = group.create_dataset(name, data=values)
    dataset.attrs.update(attributes)
    return dataset
