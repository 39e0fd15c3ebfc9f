"""Saved posteriors read and checked."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayeslaw.core.errors import BayesLawError, PosteriorError
from bayeslaw.core.kept import UNREADABLE
from bayeslaw.core.notes import Note
from bayeslaw.law import Law
from bayeslaw.model.discrepancy import Discrepancy
from bayeslaw.model.extrapolation import ExtrapolationError, ExtrapolationPrior
from bayeslaw.model.noise import Noise
from bayeslaw.model.pooling import Pool
from bayeslaw.posterior import storage
from bayeslaw.posterior.info import FitInfo
from bayeslaw.runs import ReferenceRun, Runs

if TYPE_CHECKING:
    import h5py

_REMEDY = "Fit again, or copy the file again"
#: The first format with a checksum; before it, and before the second, files said less.
_CHECKED = 3
_KINDS: dict[str, type] = {
    **{"card": dict, "place": str, "reference": dict, "noise": str, "runs": dict, "notes": list}
}
_RUNS_KINDS: dict[str, type] = {
    **{"source": str, "variables": list, "groups": list, "loss_unit": str, "notes": list},
    "fingerprint": str,
}


def read(path: Path) -> dict[str, Any]:
    """The fields of a saved posterior, checked."""
    text, found, content = _open(path)
    try:
        meta = json.loads(text)
        version = meta["format"]
        if version not in (1, 2, storage.FORMAT):
            problem = f"has format {version}, and this version reads 1 to {storage.FORMAT}"
            raise _error(path, problem, "Open it with the version of bayeslaw that wrote it")
        if found is None and version >= _CHECKED:
            raise _error(path, "lacks its checksum")
        if found is not None and found != storage.content_checksum(text, content):
            raise _error(path, "does not fit its checksum: it was damaged or changed")
        fields = _fields(content, meta)
        _check(path, fields, meta)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _error(path, f"lacks part of a posterior ({error})") from None
    except PosteriorError:
        raise
    except BayesLawError as error:
        raise _error(path, f"holds something unusable: {error}") from None
    if found is None:
        fields["notes"] += (_unchecked(path),)
    return fields


def _unchecked(path: Path) -> Note:
    message = f"{path.name} carries no checksum: damage after it was written is not noticed"
    return Note("no_checksum", "info", message, "Fit again where its numbers are in doubt")


def _error(path: Path, problem: str, remedy: str = _REMEDY) -> PosteriorError:
    return PosteriorError(problem, place=path.name, remedy=remedy)


def _open(path: Path) -> tuple[str, object, Mapping[str, storage.Arrays]]:
    """Text, checksum and arrays of a file."""
    import h5py
    import xarray as xr

    try:
        there = path.is_file()
    except OSError:
        there = False
    if not there:
        raise _error(path, "there is no such file", "Fit first")
    try:
        with h5py.File(path) as file:
            text, found = file.attrs.get(storage.ATTRIBUTE), file.attrs.get(storage.CHECKSUM)
            missing = [name for name in storage.GROUPS if name not in file]
            if isinstance(text, str) and not missing:
                content = {name: _numbers(file[name]) for name in storage.GROUPS[:2]}
    except UNREADABLE as error:
        raise _unreadable(path, error) from None
    if not isinstance(text, str):
        problem = "is a netCDF file, but not one that bayeslaw wrote"
        raise _error(path, problem, "Give a file written by 'bayeslaw fit --out' or Posterior.save")
    if missing:
        raise _error(path, f"lacks part of a posterior ({missing[0]})")
    try:
        with warnings.catch_warnings():
            # Whatever is odd about the file: its checksum decides.
            warnings.simplefilter("ignore")
            (table,) = storage.GROUPS[2:]
            constant = xr.load_dataset(path, group=table, engine="h5netcdf")
            content[table] = storage.arrays(constant)
    except UNREADABLE as error:
        raise _unreadable(path, error) from None
    return text, found, content


def _unreadable(path: Path, error: BaseException) -> PosteriorError:
    reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    return _error(path, f"is no readable netCDF file ({reason})")


def _numbers(group: h5py.Group) -> dict[str, np.ndarray]:
    """Arrays of a group without its dimensions."""
    found = {str(name): each for name, each in group.items() if not each.is_scale}
    return {
        name: each[()].astype(bool) if each.attrs.get("dtype") == "bool" else each[()]
        for name, each in found.items()
    }


def _fields(content: Mapping[str, storage.Arrays], meta: dict[str, Any]) -> dict[str, Any]:
    """Everything that ``Posterior`` takes."""
    _check_kinds(meta, _KINDS)
    kernels, pools = meta.get("discrepancy"), meta.get("pool", [])
    draws, stats, constant = (content[name] for name in storage.GROUPS)
    beyond = {n: values for n, values in stats.items() if n.startswith(storage.ERROR)}
    return {
        "law": Law(meta["card"], meta["place"]),
        "runs": _runs(constant, meta["runs"]),
        "reference": ReferenceRun.from_dict(meta["reference"]),
        "noise": Noise(meta["noise"], replicate=bool(kernels)),
        "discrepancy": Discrepancy.from_dict(kernels) if kernels else None,
        "pool": tuple(Pool(parameter, column, tuple(g)) for parameter, column, g in pools),
        "weights": constant.get(storage.WEIGHTS),
        "draws": draws,
        "stats": {name: values for name, values in stats.items() if name not in beyond},
        "extrapolation": _error_beyond(beyond, meta.get("extrapolation")),
        "notes": tuple(map(Note.from_dict, meta["notes"])),
        # Format 1 kept one dict of settings and findings.
        "info": FitInfo.from_dict(meta["settings" if meta["format"] == 1 else "info"]),
    }


def _error_beyond(arrays: storage.Arrays, meta: dict[str, Any] | None) -> ExtrapolationError | None:
    if meta is None:
        return None
    flat = {name.removeprefix(storage.ERROR): values.ravel() for name, values in arrays.items()}
    return ExtrapolationError(
        prior=ExtrapolationPrior(**meta["prior"]),
        scale=flat["scale"],
        level=flat["level"],
        tilt={name: flat[f"tilt {i}"] for i, name in enumerate(meta["shapes"])},
    )


def _runs(constant: storage.Arrays, meta: dict[str, Any]) -> Runs:
    _check_kinds(meta, _RUNS_KINDS)
    columns = {name: constant[name] for name in meta["variables"]}
    columns |= {name: constant[f"group {i}"] for i, name in enumerate(meta["groups"])}
    return Runs(
        table=pd.DataFrame(columns, index=pd.Index(constant[storage.ROW], name=meta["index"])),
        source=meta["source"],
        variables=tuple(meta["variables"]),
        groups=tuple(meta["groups"]),
        embeddings=meta["embeddings"],
        loss_unit=meta["loss_unit"],
        notes=tuple(map(Note.from_dict, meta["notes"])),
    )


def _check_kinds(meta: dict[str, Any], kinds: Mapping[str, type]) -> None:
    """Refuse what is not of its kind, such as a text where a list belongs."""
    for name, kind in kinds.items():
        if not isinstance(meta[name], kind):
            raise TypeError(f"{name} is {meta[name]!r}")


def _check(path: Path, fields: dict[str, Any], meta: dict[str, Any]) -> None:
    """Refuse parts that do not belong together, as those of a file without a checksum may not."""
    noise, info = fields["noise"], fields["info"]
    needed = {
        "draws": (*fields["law"].parameters, *noise.priors),
        "stats": ("diverging", "energy") if info.method == "nuts" else ("lp",),
    }
    missing = [f"{kind} of {n!r}" for kind in needed for n in needed[kind] if n not in fields[kind]]
    if missing:
        raise _error(path, f"has no {missing[0]}")
    shapes = {values.shape for kind in needed for values in fields[kind].values()}
    if len(shapes) > 1:
        raise _error(path, f"holds draws of different shapes: {sorted(shapes)}")
    if noise.name != info.settings.noise:
        problem = f"has the noise {noise.name!r}, and was fitted with {info.settings.noise!r}"
        raise _error(path, problem)
    if fields["runs"].fingerprint != meta["runs"]["fingerprint"]:
        raise _error(path, "holds another table than the one it was fitted to")
