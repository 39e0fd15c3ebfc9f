"""Arrays and plain data that are kept with a checksum, so that damage is found."""

from __future__ import annotations

import hashlib
import io
import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from bayeslaw.core.errors import PosteriorError
from bayeslaw.core.files import write_file

#: Of what ``write_npz`` keeps.
FORMAT = 2
#: What a file that is truncated, damaged or another program's is read with.
UNREADABLE = (
    *(OSError, ValueError, KeyError, EOFError, TypeError, AttributeError, RuntimeError),
    *(MemoryError, BadZipFile, zlib.error),
)


def checksum(text: str, arrays: Mapping[str, np.ndarray]) -> str:
    """A hash of a text, and of arrays with their names, types and shapes.

    Parameters
    ----------
    text : str
        Everything that is not an array.
    arrays : mapping of str to ndarray
        Numbers, labels or times.

    Returns
    -------
    str
        In hexadecimal digits.
    """
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    for name, values in sorted(arrays.items()):
        if values.dtype.kind in "mM":
            # Files keep times in a unit of their own.
            values = values.astype(f"{values.dtype.kind}8[ns]").astype(np.int64)
        numeric = values.dtype.kind in "biufc"
        head = f"\n{name} {values.dtype.str if numeric else 'text'} {values.shape}\n"
        plain = values.tobytes() if numeric else json.dumps([str(v) for v in values.flat]).encode()
        digest.update(head.encode())
        digest.update(plain)
    return digest.hexdigest()


def write_npz(path: Path, about: Any, arrays: Mapping[str, Any]) -> None:
    """Keep arrays, and what else is known of them as plain data, in a file."""
    text, content = json.dumps(about), io.BytesIO()
    found = _named(path, text, arrays)
    np.savez(content, about=np.array(text), checksum=np.array(found), **arrays)
    write_file(path, content.getvalue(), error=PosteriorError)


def read_npz(path: Path, what: str) -> tuple[Any, dict[str, np.ndarray]]:
    """Read what ``write_npz`` kept under this name; an error names what it is."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
            arrays = {name: kept[name] for name in kept.files}
        text, found = (str(arrays.pop(name)) for name in ("about", "checksum"))
        if found != _named(path, text, arrays):
            raise ValueError("its content does not fit its checksum")
        return json.loads(text), arrays
    except UNREADABLE as error:
        problem = f"{what} cannot be read ({error})"
        raise PosteriorError(problem, place=path.name, remedy="Remove that file") from None


def _named(path: Path, text: str, arrays: Mapping[str, np.ndarray]) -> str:
    # With its name, under which it is found: a file that was moved holds something else.
    return checksum(f"{path.stem} {text}", arrays)
