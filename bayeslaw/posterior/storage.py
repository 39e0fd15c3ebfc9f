"""Posteriors as ArviZ DataTrees and netCDF files."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bayeslaw.core.errors import BayesLawError, PosteriorError
from bayeslaw.core.files import whole_file
from bayeslaw.core.notes import Note
from bayeslaw.law import Law
from bayeslaw.model.discrepancy import Discrepancy
from bayeslaw.model.noise import Noise
from bayeslaw.model.pooling import Pool
from bayeslaw.posterior.info import FitInfo
from bayeslaw.runs import Reference, Runs

if TYPE_CHECKING:
    import xarray as xr

    from bayeslaw.posterior.posterior import Posterior

FORMAT = 2
#: Log likelihoods are stored up to this many numbers; beyond, they are computed when asked for.
LARGEST_STORED = 10_000_000
_ATTRIBUTE = "bayeslaw"
#: Dimension of the runs.
ROW = "training_run"
# With a blank, which no variable has in its name.
_WEIGHTS = "noise weights"


def to_tree(posterior: Posterior) -> xr.DataTree:
    """Arrange a posterior in ArviZ's groups."""
    import xarray as xr

    runs, predicts = posterior.runs, posterior.law.predicts
    sampled = ("chain", "draw")
    chains, draws = posterior.stats["diverging"].shape
    steps = {"chain": np.arange(chains), "draw": np.arange(draws)}
    rows = {ROW: runs.table.index.to_numpy()}
    if rows[ROW].dtype == object:
        rows = {ROW: rows[ROW].astype(str)}

    def dataset(values: dict[str, np.ndarray], dims: tuple[str, ...], coords: Any) -> xr.Dataset:
        return xr.Dataset({name: (dims, value) for name, value in values.items()}, coords=coords)

    observed = {f"ln_{predicts}": np.log(runs.column(predicts))}
    constant = {name: runs.column(name) for name in runs.variables}
    # Groups may have any name, which a variable of netCDF may not; no variable has a blank in its.
    constant |= {f"group {i}": runs.table[n].to_numpy() for i, n in enumerate(runs.groups)}
    constant = {n: v.astype(str) if v.dtype == object else v for n, v in constant.items()}
    if posterior.weights is not None:
        constant[_WEIGHTS] = posterior.weights
    prior = {name: values[None, :] for name, values in posterior.prior.items()}
    before = {"chain": [0], "draw": np.arange(len(next(iter(posterior.prior.values()))))}
    groups = {
        "posterior": dataset(posterior.draws, sampled, steps),
        "sample_stats": dataset(posterior.stats, sampled, steps),
        "observed_data": dataset(observed, (ROW,), rows),
        "constant_data": dataset(constant, (ROW,), rows),
        "prior": dataset(prior, sampled, before),
    }
    # Beside a discrepancy the runs have no likelihoods of their own.
    if posterior.discrepancy is None and chains * draws * len(runs) <= LARGEST_STORED:
        likelihood = {f"ln_{predicts}": posterior.log_likelihood()}
        groups["log_likelihood"] = dataset(likelihood, (*sampled, ROW), {**steps, **rows})
    tree = xr.DataTree.from_dict(groups)
    tree.attrs[_ATTRIBUTE] = json.dumps(
        {
            "format": FORMAT,
            "card": posterior.law.card,
            "place": posterior.law.place,
            "reference": posterior.reference.to_dict(),
            "noise": posterior.noise.name,
            "discrepancy": posterior.discrepancy and posterior.discrepancy.to_dict(),
            "pool": [[one.parameter, one.column, one.groups] for one in posterior.pool],
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
            "notes": [note.to_dict() for note in posterior.notes],
            "info": posterior.info.to_dict(),
        }
    )
    return tree


def save(posterior: Posterior, path: Path) -> None:
    """Write a posterior, whole or not at all."""
    if not path.name:
        raise PosteriorError(f"{str(path)!r} is no file", place="save", remedy="Name a file")
    try:
        with whole_file(path) as partial:
            to_tree(posterior).to_netcdf(partial, engine="h5netcdf")
    except OSError as error:
        raise PosteriorError(
            f"cannot be written ({error.strerror or error})",
            place=path.name,
            remedy="Name a file in a folder that exists and can be written to",
        ) from None


def load(path: Path) -> dict[str, Any]:
    """Read a posterior."""
    import pandas as pd
    import xarray as xr

    again = "Fit again, or copy the file again"
    if not path.is_file():
        raise PosteriorError("there is no such file", place=path.name, remedy="Fit first")
    try:
        with warnings.catch_warnings():
            # A foreign file is refused below, whatever else is odd about it.
            warnings.simplefilter("ignore")
            tree = xr.open_datatree(path, engine="h5netcdf").load()
            tree.close()
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise PosteriorError(
            f"is no readable netCDF file ({reason})", place=path.name, remedy=again
        ) from None
    if _ATTRIBUTE not in tree.attrs:
        raise PosteriorError(
            "is a netCDF file, but not one that bayeslaw wrote",
            place=path.name,
            remedy="Give a file written by 'bayeslaw fit --out' or Posterior.save",
        )
    try:
        meta = json.loads(tree.attrs[_ATTRIBUTE])
        if meta["format"] not in (1, FORMAT):
            raise PosteriorError(
                f"has format {meta['format']}, and this version reads 1 and {FORMAT}",
                place=path.name,
                remedy="Open it with the version of bayeslaw that wrote it",
            )
        constant = tree["constant_data"].dataset
        about = meta["runs"]
        named = {name: constant[name] for name in about["variables"]}
        named |= {name: constant[f"group {i}"] for i, name in enumerate(about["groups"])}
        table = pd.DataFrame(
            {name: values.to_numpy() for name, values in named.items()},
            index=pd.Index(constant[ROW].to_numpy(), name=about["index"]),
        )
        fields: dict[str, Any] = {
            "law": Law(meta["card"], meta["place"]),
            "runs": Runs(
                table=table,
                source=about["source"],
                variables=tuple(about["variables"]),
                groups=tuple(about["groups"]),
                embeddings=about["embeddings"],
                loss_unit=about["loss_unit"],
                notes=tuple(Note(**note) for note in about["notes"]),
            ),
            "reference": Reference.from_dict(meta["reference"]),
            "noise": Noise(meta["noise"], replicate=bool(meta.get("discrepancy"))),
            "discrepancy": Discrepancy.from_dict(meta["discrepancy"])
            if meta.get("discrepancy")
            else None,
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
    except (KeyError, TypeError, ValueError) as error:
        raise PosteriorError(
            f"lacks part of what a posterior holds ({error})", place=path.name, remedy=again
        ) from None
    except PosteriorError:
        raise
    except BayesLawError as error:
        raise PosteriorError(
            f"holds something unusable: {error}", place=path.name, remedy=again
        ) from None
    wanted = {
        "draws": (*fields["law"].parameters, *fields["noise"].priors),
        "stats": ("diverging", "energy") if fields["info"].method == "nuts" else ("lp",),
    }
    for kind, names in wanted.items():
        for name in names:
            if name not in fields[kind]:
                raise PosteriorError(f"has no {kind} of {name!r}", place=path.name, remedy=again)
    if fields["runs"].fingerprint != about["fingerprint"]:
        raise PosteriorError(
            "holds another table than the one it was fitted to", place=path.name, remedy=again
        )
    return fields


def _arrays(dataset: Any) -> dict[str, np.ndarray]:
    return {str(name): values.to_numpy() for name, values in dataset.data_vars.items()}
