"""Posteriors as ArviZ DataTrees and netCDF files."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayeslaw.core.errors import BayesLawError, PosteriorError
from bayeslaw.core.files import whole_file
from bayeslaw.core.notes import Note
from bayeslaw.law import Law
from bayeslaw.model.discrepancy import Discrepancy
from bayeslaw.model.noise import Noise
from bayeslaw.model.pooling import Pool
from bayeslaw.posterior.fitted_model import FittedModel
from bayeslaw.posterior.info import FitInfo
from bayeslaw.posterior.prediction import log_likelihood
from bayeslaw.runs import ReferenceRun, Runs

if TYPE_CHECKING:
    import xarray as xr

FORMAT = 2
#: Log likelihoods are stored up to this many numbers; beyond, they are computed when needed.
LARGEST_STORED = 10_000_000
_ATTRIBUTE = "bayeslaw"
#: Dimension of the runs.
ROW = "training_run"
# With a blank, which no variable has in its name.
_WEIGHTS = "noise weights"
_REMEDY = "Fit again, or copy the file again"
_Arrays = Mapping[str, np.ndarray]


def to_tree(
    model: FittedModel, stats: _Arrays, prior: _Arrays, notes: tuple[Note, ...], info: FitInfo
) -> xr.DataTree:
    """Arrange a posterior in ArviZ's groups, with all that is not an array as JSON."""
    import xarray as xr

    runs, predicts = model.runs, model.law.predicts
    sampled = ("chain", "draw")
    chains, draws = stats["diverging"].shape
    steps = {"chain": np.arange(chains), "draw": np.arange(draws)}
    rows = {ROW: _storable(runs.table.index.to_numpy())}

    def dataset(values: _Arrays, dims: tuple[str, ...], coords: Any) -> xr.Dataset:
        return xr.Dataset({name: (dims, value) for name, value in values.items()}, coords=coords)

    constant = {name: runs.column(name) for name in runs.variables}
    # Groups may have any name, which a variable of netCDF may not; no variable has a blank in its.
    constant |= {
        f"group {i}": _storable(runs.table[name].to_numpy()) for i, name in enumerate(runs.groups)
    }
    if model.weights is not None:
        constant[_WEIGHTS] = model.weights
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
    tree.attrs[_ATTRIBUTE] = json.dumps(_to_json(model, notes, info))
    return tree


def _storable(labels: np.ndarray) -> np.ndarray:
    return labels.astype(str) if labels.dtype == object else labels


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


def write(path: Path, to_tree: Callable[[], xr.DataTree]) -> None:
    """Write a tree to a netCDF file, whole or not at all."""
    if not path.name:
        raise PosteriorError(f"{str(path)!r} is no file", place="save", remedy="Name a file")
    try:
        with whole_file(path) as partial:
            to_tree().to_netcdf(partial, engine="h5netcdf")
    except OSError as error:
        problem = f"cannot be written ({error.strerror or error})"
        remedy = "Name a file in a folder that exists and can be written to"
        raise PosteriorError(problem, place=path.name, remedy=remedy) from None


def read(path: Path) -> dict[str, Any]:
    """The fields of a saved posterior, checked."""
    tree = _open(path)
    try:
        meta = json.loads(tree.attrs[_ATTRIBUTE])
        if meta["format"] not in (1, FORMAT):
            problem = f"has format {meta['format']}, and this version reads 1 and {FORMAT}"
            raise _error(path, problem, "Open it with the version of bayeslaw that wrote it")
        fields = _fields(tree, meta)
        fingerprint = meta["runs"]["fingerprint"]
    except (KeyError, TypeError, ValueError) as error:
        raise _error(path, f"lacks part of a posterior ({error})") from None
    except PosteriorError:
        raise
    except BayesLawError as error:
        raise _error(path, f"holds something unusable: {error}") from None
    needed = {
        "draws": (*fields["law"].parameters, *fields["noise"].priors),
        "stats": ("diverging", "energy") if fields["info"].method == "nuts" else ("lp",),
    }
    missing = [f"{kind} of {n!r}" for kind in needed for n in needed[kind] if n not in fields[kind]]
    if missing:
        raise _error(path, f"has no {missing[0]}")
    if fields["runs"].fingerprint != fingerprint:
        raise _error(path, "holds another table than the one it was fitted to")
    return fields


def _error(path: Path, problem: str, remedy: str = _REMEDY) -> PosteriorError:
    return PosteriorError(problem, place=path.name, remedy=remedy)


def _open(path: Path) -> xr.DataTree:
    import xarray as xr

    if not path.is_file():
        raise _error(path, "there is no such file", "Fit first")
    try:
        with warnings.catch_warnings():
            # A foreign file is rejected below, whatever else is odd about it.
            warnings.simplefilter("ignore")
            tree = xr.open_datatree(path, engine="h5netcdf").load()
            tree.close()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise _error(path, f"is no readable netCDF file ({reason})") from None
    if _ATTRIBUTE not in tree.attrs:
        problem = "is a netCDF file, but not one that bayeslaw wrote"
        raise _error(path, problem, "Give a file written by 'bayeslaw fit --out' or Posterior.save")
    return tree


def _fields(tree: xr.DataTree, meta: dict[str, Any]) -> dict[str, Any]:
    """Everything that ``Posterior`` takes."""
    constant = tree["constant_data"].dataset
    kernels = meta.get("discrepancy")
    return {
        "law": Law(meta["card"], meta["place"]),
        "runs": _runs(constant, meta["runs"]),
        "reference": ReferenceRun.from_dict(meta["reference"]),
        "noise": Noise(meta["noise"], replicate=bool(kernels)),
        "discrepancy": Discrepancy.from_dict(kernels) if kernels else None,
        "pool": tuple(
            Pool(parameter, column, tuple(groups))
            for parameter, column, groups in meta.get("pool", ())
        ),
        "weights": constant[_WEIGHTS].to_numpy() if _WEIGHTS in constant else None,
        "draws": _arrays(tree["posterior"].dataset),
        "stats": _arrays(tree["sample_stats"].dataset),
        "notes": tuple(Note(**note) for note in meta["notes"]),
        # Format 1 kept one dict of settings and findings.
        "info": FitInfo.from_dict(meta["info" if meta["format"] == FORMAT else "settings"]),
    }


def _runs(constant: Any, meta: dict[str, Any]) -> Runs:
    columns = {name: constant[name] for name in meta["variables"]}
    columns |= {name: constant[f"group {i}"] for i, name in enumerate(meta["groups"])}
    return Runs(
        table=pd.DataFrame(
            {name: values.to_numpy() for name, values in columns.items()},
            index=pd.Index(constant[ROW].to_numpy(), name=meta["index"]),
        ),
        source=meta["source"],
        variables=tuple(meta["variables"]),
        groups=tuple(meta["groups"]),
        embeddings=meta["embeddings"],
        loss_unit=meta["loss_unit"],
        notes=tuple(Note(**note) for note in meta["notes"]),
    )


def _arrays(dataset: Any) -> dict[str, np.ndarray]:
    return {str(name): values.to_numpy() for name, values in dataset.data_vars.items()}
