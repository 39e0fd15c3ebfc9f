"""Saved posteriors read and checked."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bayeslaw.core.errors import BayesLawError, PosteriorError
from bayeslaw.core.kept import UNREADABLE, unseal
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
_HDF5 = b"\x89HDF\r\n\x1a\n"
#: The first format whose files end with a checksum.
_SEALED = 4
_KINDS: dict[str, type] = {
    **{"card": dict, "place": str, "reference": dict, "noise": str, "runs": dict, "notes": list}
}
_RUNS_KINDS: dict[str, type] = {
    **{"source": str, "variables": list, "groups": list, "loss_unit": str, "notes": list},
    "fingerprint": str,
}


def read(path: Path) -> dict[str, Any]:
    """The fields of a saved posterior, checked."""
    text, content, sealed = _open(path)
    try:
        meta = json.loads(text)
        version = meta["format"]
        if version not in range(1, storage.FORMAT + 1):
            problem = f"has format {version}, and this version reads 1 to {storage.FORMAT}"
            raise _error(path, problem, "Open it with the version of bayeslaw that wrote it")
        if not sealed and version >= _SEALED:
            raise _error(path, "lacks its checksum")
        fields = _fields(content, meta)
        _check(path, fields, meta)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _error(path, f"lacks part of a posterior ({error})") from None
    except PosteriorError:
        raise
    except BayesLawError as error:
        raise _error(path, f"holds something unusable: {error}") from None
    if not sealed:
        fields["notes"] += (_unchecked(path),)
    return fields


def _unchecked(path: Path) -> Note:
    message = f"{path.name} carries no checksum: damage after it was written is not noticed"
    return Note("no_checksum", "info", message, "Fit again where its numbers are in doubt")


def _error(path: Path, problem: str, remedy: str = _REMEDY) -> PosteriorError:
    return PosteriorError(problem, place=path.name, remedy=remedy)


def _open(path: Path) -> tuple[str, dict[str, storage.Arrays], bool]:
    """Text and arrays of a file, and whether it fits a checksum."""
    content, sealed = _bytes(path)
    import h5py

    try:
        with h5py.File(io.BytesIO(content)) as file:
            text = file.attrs.get(storage.ATTRIBUTE)
            missing = [name for name in storage.GROUPS if name not in file]
            if isinstance(text, str) and not missing:
                arrays = {name: _arrays(file[name]) for name in storage.GROUPS}
    except UNREADABLE as error:
        raise _unreadable(path, error) from None
    if not isinstance(text, str):
        problem = "is a netCDF file, but not one that bayeslaw wrote"
        raise _error(path, problem, "Give a file written by 'bayeslaw fit --out' or Posterior.save")
    if missing:
        raise _error(path, f"lacks part of a posterior ({missing[0]})")
    return text, arrays, sealed


def _bytes(path: Path) -> tuple[bytes, bool]:
    """What a file holds, verified before HDF5 parses it, which damage can make crash or hang."""
    try:
        there = path.is_file()
    except OSError:
        there = False
    if not there:
        remedy = "Fit first"
        if "=" in str(path) and not path.suffix:
            remedy = f"Where it is a value, repeat the option before it: --at {path}"
        raise _error(path, "there is no such file", remedy)
    try:
        with path.open("rb") as file:
            head = file.read(len(_HDF5))
            if head != _HDF5:
                raise _error(path, "is no readable netCDF file (it starts otherwise)")
            content = head + file.read()
    except (OSError, MemoryError) as error:
        raise _unreadable(path, error) from None
    try:
        return unseal(content)
    except ValueError as error:
        raise _error(path, str(error)) from None


def _unreadable(path: Path, error: BaseException) -> PosteriorError:
    reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    return _error(path, f"is no readable netCDF file ({reason})")


def _arrays(group: h5py.Group) -> storage.Arrays:
    """Arrays of a group, and the labels of the runs."""
    names = [str(name) for name, each in group.items() if not each.is_scale or name == storage.ROW]
    return {name: _array(group[name]) for name in names}


def _array(dataset: h5py.Dataset) -> np.ndarray:
    """An array as it was before it was written, by xarray in files of older formats."""
    import h5py

    if h5py.check_string_dtype(dataset.dtype):
        return np.array(dataset.asstr()[()], dtype=object)
    if dataset.attrs.get("dtype") == "bool":
        return np.asarray(dataset[()], dtype=bool)
    if "units" not in dataset.attrs:
        return np.asarray(dataset[()])
    import xarray as xr

    # Times, in units of a file's own.
    stored = xr.Dataset({"x": ("x", dataset[()], dict(dataset.attrs))})
    return np.asarray(xr.decode_cf(stored, decode_timedelta=True)["x"])


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
        "pool": tuple(map(Pool.from_dict, pools)),
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
